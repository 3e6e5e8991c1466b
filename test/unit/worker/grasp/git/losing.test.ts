/** Which moves lose a value (N21), by real Git. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { losingOf } from "../../../../../worker/grasp/git/losing.ts";
import { NoAnswer } from "../../../../../worker/grasp/git/process.ts";
import { type GitRunner, plainGit } from "../../../../../worker/grasp/git/runner.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";

const ZERO = "0".repeat(40);
const GONE = "9".repeat(40);
const folder = mkdtempSync(join(tmpdir(), "millrace-losing-"));
afterAll(() => rmSync(folder, { recursive: true }));

let work: WorkTree;
let git: GitRunner;
let calls = 0;
/** A line `a`, `b`, `c`, and `x` beside it, which starts at `a`; `m` merges both. */
const ids: Record<string, string> = {};
beforeAll(() => {
  work = workTree(folder);
  const plain = plainGit({ home: folder, repository: join(work.path, ".git") });
  git = (...args) => {
    calls++;
    return plain(...args);
  };
  for (const name of ["a", "b", "c"]) ids[name] = work.commit("file", name);
  work.git("checkout", "-q", "-b", "side", ids.a!);
  ids.x = work.commit("other", "x");
  work.git("merge", "-q", "-m", "m", ids.c!);
  ids.m = work.git("rev-parse", "HEAD");
  for (const [name, target] of [
    ["one", "a"],
    ["two", "c"],
  ] as const) {
    work.git("tag", "-a", "-m", name, name, ids[target]!);
    ids[name] = work.git("rev-parse", name);
  }
  ids.blob = work.git("rev-parse", `${ids.a}:file`);
  Object.assign(ids, { zero: ZERO, gone: GONE });
});

const branch = (from: string, to: string, ref = "refs/heads/main") => ({
  ref,
  old: ids[from]!,
  new: ids[to]!,
});

test.each([
  ["a", "b", false],
  ["a", "m", false],
  ["x", "m", false],
  ["b", "a", true],
  ["x", "c", true],
  ["m", "x", true],
  ["a", "zero", true],
  // What is not here cannot be kept.
  ["gone", "a", false],
  ["gone", "zero", false],
  // A new value that is not here has no history that could keep the old one.
  ["a", "gone", true],
])("a branch from %s to %s loses its value: %s", async (from, to, isLost) => {
  const update = branch(from, to);
  expect(await losingOf(git, [update])).toEqual(isLost ? [update] : []);
});

test.each([
  ["a", "b", false],
  ["b", "a", true],
  // No commit leads to an object of a tag, or to a blob from where it is not.
  ["one", "two", true],
  ["a", "two", true],
  ["blob", "a", true],
  ["one", "zero", true],
])("a tag from %s to %s loses its value: %s", async (from, to, isLost) => {
  const update = branch(from, to, "refs/tags/v");
  expect(await losingOf(git, [update])).toEqual(isLost ? [update] : []);
});

test("refs that hide each other's history in one walk are told apart", async () => {
  const updates = [
    branch("a", "c", "refs/heads/1"),
    branch("b", "m", "refs/heads/2"),
    branch("x", "b", "refs/heads/3"),
    branch("c", "a", "refs/heads/4"),
    branch("b", "c", "refs/heads/5"),
  ];
  const lost = await losingOf(git, updates);
  expect(lost.map(({ ref }) => ref)).toEqual(["refs/heads/3", "refs/heads/4"]);
});

test("a push that only adds commits costs one process", async () => {
  calls = 0;
  await losingOf(git, [branch("a", "b"), branch("x", "m", "refs/heads/other")]);
  expect(calls).toBe(1);
  // What came just now is known.
  await losingOf(
    git,
    [branch("a", "c")],
    new Map([
      [ids.c!, [ids.b!]],
      [ids.b!, [ids.a!]],
    ]),
  );
  expect(calls).toBe(1);
});

test("without an answer of Git nothing is told: a value that is not looked for is not gone (N21, T65)", async () => {
  const killed: GitRunner = async (args, ...more) => {
    const result = await git(args, ...more);
    // What it told until then is a part of it.
    return args[0] === "cat-file" ? { ...result, code: null, stdout: result.stdout.subarray(0, 3) } : result;
  };
  await expect(losingOf(killed, [branch("b", "a")])).rejects.toThrow(NoAnswer);
  await expect(losingOf(killed, [branch("a", "b", "refs/tags/v")])).rejects.toThrow(NoAnswer);
  expect(await losingOf(killed, [branch("a", "b")])).toEqual([]);
});
