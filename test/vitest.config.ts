import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import LongestFirst from "./longest-first.ts";

/** One project for each kind of test; `unit` is the fast part. */
const project = (name: string, include: string[], testTimeout: number, more: object = {}) => ({
  extends: true as const,
  test: { name, include, testTimeout, hookTimeout: testTimeout, ...more },
});
/** Files that measure memory or time, or that share a folder, run one after the other. */
const inTurn = { fileParallelism: false };
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
  "tools-help",
].map((name) => `test/runtimes/${name}.test.ts`);
/** A process and its modules for many files: a process for each takes as long as the tests themselves. */
const sharedModules = { isolate: false };

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
      project("unit", ["test/unit/**/*.test.ts", "test/contract/**/*.test.ts"], 60_000, sharedModules),
      project("fuzz", ["test/fuzz/**/*.test.ts"], 300_000),
      // Each file has servers and folders of its own.
      project("grasp", ["test/runtimes/grasp/**/*.test.ts"], 300_000),
      project("processes", SIDE_BY_SIDE, 300_000),
      project("runtimes", ["test/runtimes/*.test.ts"], 300_000, { ...inTurn, exclude: SIDE_BY_SIDE }),
      project("browser", ["test/browser/**/*.test.ts"], 300_000, inTurn),
      project("package", ["test/package/**/*.test.ts"], 300_000, {
        ...inTurn,
        globalSetup: "test/package/setup.ts",
      }),
    ],
  },
});
