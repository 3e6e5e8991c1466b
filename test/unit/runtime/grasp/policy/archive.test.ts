import { describe, expect, test } from "vitest";
import { isArchiveRule } from "../../../../../runtime/grasp/archive.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import { judgeAnnouncement } from "../../../../../runtime/grasp/policy/announcement-policy.ts";
import { announcement, event, type Given, key, worldOf } from "./world.ts";

const [A, B] = [key(1), key(2)];
const archive = (rules: string[], isReadOnly = true) => ({ rules: new Set(rules), isReadOnly });
/** An announcement that does not list us. */
const elsewhere = (
  owner = A,
  identifier = "repo",
  clone = [`https://grasp.elsewhere/${toNpub(owner)}/${identifier}.git`],
  created_at = 1,
) =>
  event(
    30617,
    owner,
    [
      ["d", identifier],
      ["clone", ...clone],
      ["relays", "wss://elsewhere"],
    ],
    created_at,
  );
const judge = (one: ReturnType<typeof event>, rules: string[], given: Given = {}, isReadOnly = true) =>
  judgeAnnouncement(
    one,
    worldOf({ ...given, lists: { archive: archive(rules, isReadOnly), ...given.lists } }),
  );

describe("what a rule names waits although it does not list us (X1, X5)", () => {
  test.each([
    ["all", "all"],
    ["its author", toNpub(A)],
    ["its author and identifier", `${toNpub(A)}/repo`],
    ["its identifier", "repo"],
    ["a service in its clone URLs", "https://grasp.elsewhere"],
  ])("%s", (_, rule) => {
    expect(judge(elsewhere(), [rule]).kind).toBe("wait");
    expect(judge(elsewhere(), ["other", rule]).kind).toBe("wait");
    expect(judgeAnnouncement(elsewhere(), worldOf({})).kind).toBe("refuse");
  });

  test.each([
    ["another author", toNpub(B)],
    ["the author's other repository", `${toNpub(A)}/other`],
    ["another author's repository of the name", `${toNpub(B)}/repo`],
    ["the key as hex", A],
    ["another identifier", "rep"],
    ["a host that ends alike", "https://elsewhere"],
    ["a host that begins alike", "https://grasp.elsewhere.evil"],
    ["another port", "https://grasp.elsewhere:8443"],
  ])("not %s", (_, rule) => {
    expect(judge(elsewhere(), [rule]).kind).toBe("refuse");
  });

  test.each([
    "https://evil.example/?grasp.elsewhere",
    "https://grasp.elsewhere@evil.example/x.git",
    "https://evil.example/grasp.elsewhere/x.git",
    "ssh://grasp.elsewhere/x.git",
    "grasp.elsewhere",
  ])("the host of a clone URL is compared, not searched: %s (T17)", (url) => {
    expect(judge(elsewhere(A, "repo", [url]), ["https://grasp.elsewhere"]).kind).toBe("refuse");
  });

  test("a port that is not the scheme's own, and upper case", () => {
    const urls = ["https://GRASP.elsewhere:443/x.git"];
    expect(judge(elsewhere(A, "repo", urls), ["https://grasp.elsewhere"]).kind).toBe("wait");
    expect(judge(elsewhere(A, "repo", ["http://a:8080/x.git"]), ["https://a:8080"]).kind).toBe("wait");
  });

  test("deny lists and quotas hold (R26, R31)", () => {
    expect(judge(elsewhere(), ["all"], { lists: { denyAuthors: new Set([A]) } }).kind).toBe("refuse");
    expect(judge(elsewhere(), ["all"], { lists: { denyRepositories: new Set(["repo"]) } }).kind).toBe(
      "refuse",
    );
    const full = { served: [elsewhere(A, "other")], lists: { maxRepositories: 1 } };
    expect(judge(elsewhere(), ["all"], full).kind).toBe("refuse");
  });

  test("a private one is refused (X18)", () => {
    const one = elsewhere();
    expect(judge({ ...one, tags: [...one.tags, ["private", "true"]] }, ["all"]).kind).toBe("refuse");
  });
});

describe("read-only or not (X3)", () => {
  test("a read-only archive refuses what lists us and no rule names", () => {
    expect(judge(announcement(A), ["other"]).kind).toBe("refuse");
    expect(judge(announcement(A), ["repo"]).kind).toBe("wait");
  });

  test("one that is not takes both, and the allow list is for what lists us", () => {
    expect(judge(announcement(A), ["other"], {}, false).kind).toBe("wait");
    const allow = { lists: { allowRepositories: new Set(["listed"]) } };
    expect(judge(announcement(A), ["other"], allow, false).kind).toBe("refuse");
    expect(judge(elsewhere(A, "other"), ["other"], allow, false).kind).toBe("wait");
  });

  test("a maintainer's announcement is served without a repository (R29)", () => {
    const owner = elsewhere();
    const named = { ...owner, tags: [...owner.tags, ["maintainers", B]] };
    expect(judge(elsewhere(B), [`${toNpub(A)}/repo`], { served: [named] }).kind).toBe("serve");
    expect(judge(elsewhere(B), [`${toNpub(A)}/repo`], { served: [owner] }).kind).toBe("refuse");
  });
});

describe("a newer version (R33 to R35)", () => {
  test("is served or waits as the one before", () => {
    const newer = elsewhere(A, "repo", undefined, 2);
    expect(judge(newer, ["repo"], { served: [elsewhere()] }).kind).toBe("serve");
    expect(judge(newer, ["repo"], { waiting: [elsewhere()] }).kind).toBe("wait");
  });

  test("that no longer lists us stays where a rule names it, and is de-listed elsewhere (R35)", () => {
    const newer = elsewhere(A, "repo", undefined, 2);
    const served = { served: [announcement(A)] };
    expect(judge(newer, ["repo"], served).kind).toBe("serve");
    expect(judge(newer, ["other"], served, false).kind).toBe("delist");
  });

  test("that leaves the service which a rule names is de-listed", () => {
    const newer = elsewhere(A, "repo", ["https://other.example/x.git"], 2);
    expect(judge(newer, ["https://grasp.elsewhere"], { served: [elsewhere()] }).kind).toBe("delist");
  });
});

test.each([
  ["all", true],
  [toNpub(A), true],
  [`${toNpub(A)}/my repo`, true],
  ["identifier", true],
  ["https://git.example", true],
  ["https://127.0.0.1:7334", true],
  ["", false],
  ["https://git.example/", false],
  ["https://GIT.example", false],
  ["https://git.example:443", false],
  ["https://", false],
  ["http://git.example", false],
  [`${A}/repo`, false],
  ["a/b", false],
  ["-x", false],
])("%j is a rule: %s (O1)", (rule, is) => {
  expect(isArchiveRule(rule)).toBe(is);
});
