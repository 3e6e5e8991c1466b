/**
 * The order of test files: those that take longest begin first, so that no worker waits for one of them at the end.
 * @module
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take more than 40 s, the longest first. Vitest knows only from an earlier run how long a file takes, else it takes the size. */
const LONGEST = [
  "runtimes/grasp/ngit-grasp",
  "runtimes/grasp/slow",
  "fuzz/grasp-mutants",
  "fuzz/hotpath",
  "runtimes/grasp/audit",
  "runtimes/grasp/kill",
  "runtimes/serve",
  "runtimes/grasp/twenty-servers",
  "runtimes/grasp/relay-sync",
  "runtimes/grasp/undo",
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
