/**
 * The order of test files: those that take longest begin first, so that no worker waits for one of them at the end.
 * @module
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take about a minute or more, the longest first. Vitest knows only from an earlier run how long a file takes, else it takes the size. */
const LONGEST = [
  "runtimes/grasp/ngit-grasp",
  "runtimes/wasi",
  "browser/demo",
  "runtimes/grasp/admin",
  "runtimes/fastly",
  "runtimes/command-line",
  "runtimes/proxy",
  "runtimes/grasp/publish",
  "runtimes/grasp/memory",
  "runtimes/grasp/slow",
  "runtimes/grasp/kill",
  "fuzz/hotpath",
  "fuzz/grasp-mutants",
  "runtimes/grasp/undo",
  "runtimes/serve",
  "runtimes/grasp/pushes",
  "runtimes/grasp/audit",
  "runtimes/grasp/git-faults",
  "runtimes/getting-started",
  "browser/admin",
  "runtimes/grasp/attacks",
  "runtimes/check-and-serve",
];

/** Puts the files of {@link LONGEST} before all others. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return index === -1 ? LONGEST.length : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
