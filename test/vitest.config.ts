import { availableParallelism } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import LongestFirst from "./longest-first.ts";
import { isQuick } from "./support/amount.ts";

/** One project for each kind of test; `unit` is the fast part. */
const project = (name: string, include: string[], testTimeout: number, more: object = {}) => ({
  extends: true as const,
  test: { name, include, testTimeout, hookTimeout: testTimeout, ...more },
});
/** Files that measure delays, or that share a folder, run one after the other, after all others. */
const inTurn = { fileParallelism: false };
/** Runtimes and browsers that are loaded for a whole file: two at a time, after the files that start many small processes. */
const inPairs = { maxWorkers: 2, sequence: { groupOrder: 1 } };
/** Black-box tests that measure how long visitors and partners wait. */
const ALONE = [
  "browser/load",
  "runtimes/flood",
  "runtimes/load-generator",
  "runtimes/soak",
  "runtimes/sync-real",
].map((name) => `test/${name}.test.ts`);
/** Black-box tests that only start processes and ask them: they do not mind another file beside them. */
const SIDE_BY_SIDE = [
  "check-and-serve",
  "cloudflare-requests",
  "command-line",
  "deployment",
  "getting-started",
  "locked-store",
  "openapi-tools",
  "redis-client",
  "reverse-proxies",
  "serve",
  "stop-waiting",
  "tools-help",
  "tracing",
].map((name) => `test/runtimes/${name}.test.ts`);
/**
 * Unit tests that the quick run leaves out, more than 3 s of a processor each: those that run Git, compile the programs of the docs, or
 * send thousands of requests. `npm test` has them, and so has `npm run test:unit` with an argument.
 */
const NOT_QUICK = [
  "docs/types",
  "runtime/grasp/life/fake-git",
  "runtime/grasp/relay-sync/course",
  "test/grasp-growth",
  "worker/ec/quiet-log",
  "worker/ec/tables",
  "worker/grasp/contributions",
  "worker/grasp/control/clean",
  "worker/grasp/control/import",
  "worker/grasp/dry-run",
  "worker/grasp/faults",
  "worker/grasp/git/fetch",
  "worker/grasp/git/git-http",
  "worker/grasp/git/maintenance",
  "worker/grasp/git/process",
  "worker/grasp/git/repository",
  "worker/grasp/maintenance",
  "worker/grasp/operator",
  "worker/grasp/purgatory-sync",
  "worker/grasp/recovery",
  "worker/grasp/repair",
  "worker/grasp/undo",
].map((name) => `test/unit/${name}.test.ts`);
/** A process and its modules for many files: a process for each takes as long as the tests themselves. */
const sharedModules = { isolate: false };

// Programs on Node start in less than half the processor time if they find their modules compiled and without types.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url));

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  cacheDir: "test/node_modules/.vite",
  test: {
    watch: false,
    // One more than there are processors: black-box tests mostly wait for the programs that they start.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/closing-line.ts"],
    projects: [
      project("unit", ["test/unit/**/*.test.ts", "test/contract/**/*.test.ts"], 60_000, {
        ...sharedModules,
        exclude: isQuick() ? NOT_QUICK : [],
      }),
      project("fuzz", ["test/fuzz/**/*.test.ts"], 300_000),
      // Each file has servers and folders of its own.
      project("grasp", ["test/runtimes/grasp/**/*.test.ts"], 300_000),
      project("processes", SIDE_BY_SIDE, 300_000),
      project("runtimes", ["test/runtimes/*.test.ts"], 300_000, {
        ...inPairs,
        exclude: [...SIDE_BY_SIDE, ...ALONE],
      }),
      project("browser", ["test/browser/**/*.test.ts"], 300_000, { ...inPairs, exclude: ALONE }),
      project("alone", ALONE, 300_000, inTurn),
      project("package", ["test/package/**/*.test.ts"], 300_000, {
        ...inTurn,
        globalSetup: "test/package/setup.ts",
      }),
    ],
  },
});
