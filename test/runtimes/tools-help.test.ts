import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findViceroy } from "../../scripts/cargo-tools.ts";
import { programs } from "../support/programs.ts";
import { root, runtimes } from "../support/spawn.ts";
import { type CommandResult, runCommand } from "../support/start-program.ts";
import { parseToolOptions, type Tool, type ToolOption, usageOf } from "../support/tool-options.ts";

/** Timeout of one task, in milliseconds: all run at once. */
const TIMEOUT_MS = 60_000;
/** Tools of others get arguments of their own. */
const FOREIGN = ["test", "test:unit", "format"];

/** Without these programs, some tasks would install them before they read their options. */
const isComplete = programs.every((program) => program.find() !== null) && findViceroy() !== null;

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
/** The tasks of `scripts/run.mjs`, by their npm script. */
const tasks = Object.entries(scripts).flatMap(([script, command]) => {
  const task = /node scripts\/run\.mjs (\S+)$/.exec(command)?.[1];
  return task === undefined ? [] : [[script, task] as const];
});

const run = (...args: string[]): Promise<CommandResult> =>
  runCommand({
    command: runtimes.node[0],
    args: ["scripts/run.mjs", ...args],
    cwd: root,
    timeoutMs: TIMEOUT_MS,
  });

test("each npm script is a task of scripts/run.mjs", () => {
  expect(tasks.map(([script]) => script)).toEqual(Object.keys(scripts));
});

test.concurrent.each(tasks)(
  "npm run %s prints its usage for --help and ends with 0",
  { timeout: TIMEOUT_MS },
  async (_script, task) => {
    const { code, stdout, stderr } = await run(task, "--help");
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^usage: /m);
  },
);

describe.skipIf(!isComplete)("an unknown option", () => {
  test.concurrent.each(tasks.filter(([, task]) => !FOREIGN.includes(task)))(
    "npm run %s rejects it with 2 and a message",
    { timeout: TIMEOUT_MS },
    async (_script, task) => {
      const { code, stdout, stderr } = await run(task, "--no-such-option");
      expect(code, stderr).toBe(2);
      expect(stderr).toContain("--no-such-option");
      expect(`${stdout}${stderr}`, "a stack trace").not.toMatch(/^\s+at /m);
    },
  );
});

test("an unknown task ends with 2 and names the tasks", async () => {
  const { code, stderr } = await run("no-such-task");
  expect(code).toBe(2);
  expect(stderr).toContain("cluster");
});

describe("parseToolOptions", () => {
  const tool = {
    name: "tool",
    summary: "Does something.",
    names: { placeholder: "NAME", summary: "things", all: ["one", "two"] },
    options: {
      seconds: { default: 45, summary: "duration" },
      size: { default: 1000, min: 10, summary: "size" },
      host: { choices: ["node", "bun"], summary: "runtime" },
      write: { switch: true, summary: "write" },
    },
  } as const satisfies Tool<Record<string, ToolOption>>;
  const parse = (...args: string[]) => parseToolOptions(tool, args);

  test("returns the defaults without arguments", () => {
    expect(parse()).toEqual({ values: { seconds: 45, size: 1000, host: "node", write: false }, names: [] });
  });

  test("returns the given values and names", () => {
    const given = parse("two", "--seconds", "1.5", "--host=bun", "--write");
    expect(given).toEqual({ values: { seconds: 1.5, size: 1000, host: "bun", write: true }, names: ["two"] });
  });

  test("returns null for --help", () => {
    expect(parse("--help")).toBeNull();
  });

  test.each([
    [["--seconds", "0"], "--seconds must be a number above 0"],
    [["--seconds", "soon"], '"soon"'],
    [["--size", "9"], "--size must be a number from 10"],
    [["--host", "deno"], "--host must be one of node, bun"],
    [["three"], "Unknown argument three; known: one, two"],
    [["--other"], "--other"],
  ])("rejects %j", (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });

  test("the usage lists names, options, defaults and choices", () => {
    const usage = usageOf(tool);
    for (const text of ["one, two", "--seconds N", "(default: 45)", "--host node|bun", "--write", "--help"]) {
      expect(usage).toContain(text);
    }
  });
});
