import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { suites } from "../contract/processes.ts";
import { type ProcessRuntime, root, runtimes } from "../support/spawn.ts";

/** Node runs the suites inside the test runner. */
const others: ProcessRuntime[] = ["bun", "deno"];
const all = Object.entries(suites).flatMap(([suite, cases]) => cases.map(({ name }) => ({ suite, name })));

describe.each(others)("contract suites on %s", (runtime) => {
  let results: { suite: string; name: string; fault: string | null }[] = [];

  beforeAll(async () => {
    const [command, ...args] = runtimes[runtime];
    const script = join(root, "test/contract/run.ts");
    const { stdout } = await promisify(execFile)(command, [...args, script], { timeout: 90_000 });
    results = JSON.parse(stdout);
  });

  test.each(all)("$suite $name", ({ suite, name }) => {
    const result = results.find((one) => one.suite === suite && one.name === name);
    expect(result).toEqual({ suite, name, fault: null });
  });
});
