import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isBranchOrTag,
  isRefName,
  nestedName,
  readRefName,
} from "../../../../../runtime/grasp/git/ref-name.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
/** What Git says of names; a name with a NUL cannot be an argument. */
const gitTakes = (name: string) => spawnSync("git", ["check-ref-format", name]).status === 0;

describe("ref names (A3)", () => {
  test.each([
    "refs/heads/main",
    "refs/tags/v1.0",
    "refs/heads/ü/ß",
    "refs/heads/a-b_c+d",
    "refs/heads/-x",
    "refs/nostr/a",
  ])("%s is one, as Git has it", (name) => {
    expect([isRefName(name), readRefName(bytes(name)), gitTakes(name)]).toEqual([true, name, true]);
  });

  test.each([
    "main",
    "refs/heads/",
    "/refs/heads/a",
    "refs//heads/a",
    "refs/heads/.a",
    "refs/heads/a.lock",
    "refs/heads/a.lock/b",
    "refs/heads/a..b",
    "refs/heads/a.",
    "refs/heads/a b",
    "refs/heads/a~b",
    "refs/heads/a^{}",
    "refs/heads/a:b",
    "refs/heads/a?",
    "refs/heads/a*",
    "refs/heads/a[b",
    "refs/heads/a\\b",
    "refs/heads/a@{b",
    "refs/heads/a\tb",
    "refs/heads/a\u007f",
  ])("%j is none, as Git has it", (name) => {
    expect([isRefName(name), readRefName(bytes(name)), gitTakes(name)]).toEqual([false, null, false]);
  });

  test("is the same as Git's check-ref-format for any text within the length (V1)", () => {
    const part = fc.string({
      unit: fc.constantFrom(..."ab./@{}~^:?*[\\ \t-_lock\u00e9\u00a0".split("")),
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
        const name = `refs/${parts.join("/")}`;
        expect([name, isRefName(name)]).toEqual([name, gitTakes(name)]);
      }),
      { numRuns: 200 },
    );
  });

  test("refuses bytes that are not UTF-8, and reads a no-break space as itself (T21)", () => {
    expect(readRefName(Uint8Array.of(...bytes("refs/heads/a"), 0xff))).toBeNull();
    expect(readRefName(bytes("refs/heads/a\u00a0b"))).toBe("refs/heads/a\u00a0b");
  });

  test("a part has at most 250 bytes and a name at most 1,000 (A44)", () => {
    expect(isRefName(`refs/heads/${"a".repeat(250)}`)).toBe(true);
    expect(isRefName(`refs/heads/${"a".repeat(251)}`)).toBe(false);
    expect(isRefName(`refs/heads/${"é".repeat(126)}`)).toBe(false);
    expect(isRefName(`refs/heads/${"a/".repeat(495)}a`)).toBe(false);
  });
});

test("nestedName finds a name that another continues below (A45)", () => {
  expect(nestedName(["refs/heads/a", "refs/heads/a/b"])).toBe("refs/heads/a");
  expect(nestedName(["refs/heads/a", "refs/heads/ab", "refs/tags/a/b"])).toBeNull();
});

test("isBranchOrTag", () => {
  const names = ["refs/heads/a", "refs/tags/a", "refs/heads/", "refs/notes/a", "refs/nostr/a", "HEAD"];
  expect(names.filter(isBranchOrTag)).toEqual(["refs/heads/a", "refs/tags/a"]);
});
