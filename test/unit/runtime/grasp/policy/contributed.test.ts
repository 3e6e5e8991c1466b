import { describe, expect, test } from "vitest";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import { judge } from "../../../../../runtime/grasp/policy/judge.ts";
import {
  contributedIdentifiers,
  contributedRepositories,
  identifiersOfPr,
} from "../../../../../runtime/grasp/policy/pr-policy.ts";
import { announcement, event, type Given, HOST, key, worldOf } from "./world.ts";

const [by, owner] = [key(1), key(2)];
const commit = "1".repeat(40);
const url = (author = by, identifier = "repo") =>
  `https://${HOST}/prs/${toNpub(author)}/${encodeURIComponent(identifier)}.git`;
const pr = (clone: string[], addresses = [`30617:${owner}:repo`], kind = 1618, author = by) =>
  event(kind, author, [
    ...addresses.map((one) => ["a", one]),
    ["c", commit],
    ["clone", ...clone],
    ["E", key(77)],
    ["P", by],
  ]);
const on = (given: Given = {}) => worldOf({ takesPrs: true, ...given });
const kindOf = (one: ReturnType<typeof pr>, world = on()) => judge(one, { source: "direct" }, world).kind;

describe("a PR for a repository that is not served here (X9)", () => {
  test.each([1618, 1619])("kind %d waits, whichever clone URL is the right one", (kind) => {
    expect(kindOf(pr([url()], undefined, kind))).toBe("wait");
    expect(kindOf(pr(["https://elsewhere.example/x.git", url()], undefined, kind))).toBe("wait");
    expect(kindOf(pr([url()], ["30617:short:repo", `30617:${owner}:repo`], kind))).toBe("wait");
  });

  test.each([
    ["another author's path", pr([url(owner)])],
    ["another identifier", pr([url(by, "other")])],
    ["no clone URL", pr([])],
    ["no a tag", pr([url()], [])],
    ["an a tag of another kind", pr([url()], [`30618:${owner}:repo`])],
    ["a key that is none", pr([url()], ["30617:nobody:repo"])],
  ])("refused: %s", (_, one) => {
    expect(kindOf(one)).toBe("refuse");
  });

  test("refused where contributors have no repositories (X6)", () => {
    expect(kindOf(pr([url()]), worldOf({}))).toBe("refuse");
  });

  test("refused: a repository that the operator denies, a denied author, a deleted event, no commit (R26, R45)", () => {
    const one = pr([url()]);
    for (const denied of ["repo", `${owner}/repo`, toNpub(owner)])
      expect(kindOf(one, on({ lists: { denyRepositories: new Set([denied]) } }))).toBe("refuse");
    expect(kindOf(one, on({ lists: { denyAuthors: new Set([by]) } }))).toBe("refuse");
    expect(kindOf(one, on({ remembered: { [one.id]: "deleted" } }))).toBe("refuse");
    expect(kindOf({ ...one, tags: one.tags.filter(([name]) => name !== "c") })).toBe("refuse");
  });

  test("an identifier with a colon is found, and a second a tag counts (T50)", () => {
    const one = pr([url(by, "a:b")], [`30617:${owner}:first`, `30617:${owner}:a:b`]);
    expect(contributedIdentifiers(one, on())).toEqual(["a:b"]);
    expect(kindOf(one)).toBe("wait");
  });
});

describe("the repositories of its author that a PR belongs to (X12)", () => {
  test("those of X9, and of the identifiers of served repositories that it tags", () => {
    const served = { served: [announcement(owner, "served")] };
    const one = pr([url()], [`30617:${owner}:served`, `30617:${owner}:repo`, `30617:${owner}:elsewhere`]);
    expect(identifiersOfPr(one, on(served))).toEqual(["served", "repo"]);
    expect(contributedRepositories(one, on(served))).toEqual([
      { owner: `prs/${by}`, identifier: "served" },
      { owner: `prs/${by}`, identifier: "repo" },
    ]);
    expect(contributedRepositories(one, worldOf(served))).toEqual([]);
  });
});
