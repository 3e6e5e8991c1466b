import { describe, expect, test } from "vitest";
import { type Announcement, missingUrls, readAnnouncement } from "../../../../runtime/grasp/announcement.ts";
import { identifierFault } from "../../../../runtime/grasp/identifier.ts";
import { fromNpub, readKey, toNpub } from "../../../../runtime/grasp/npub.ts";

const KEY = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";
const NPUB = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6";
const event = (tags: string[][]) => ({
  id: "1".repeat(64),
  pubkey: KEY,
  created_at: 1,
  kind: 30617,
  tags,
  content: "",
  sig: "2".repeat(128),
});
const read = (...tags: string[][]) => readAnnouncement(event(tags));
const announcement = (...tags: string[][]) => (read(...tags) as { announcement: Announcement }).announcement;

describe("npub (G3)", () => {
  test("is read and written", () => {
    expect([toNpub(KEY), fromNpub(NPUB)]).toEqual([NPUB, KEY]);
  });

  test.each([
    NPUB.toUpperCase(),
    `${NPUB.slice(0, -1)}7`,
    KEY,
    "npub1",
    "nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mhxue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p",
    `n${NPUB.slice(1)} `,
  ])("%s is none", (text) => {
    expect(fromNpub(text)).toBeNull();
  });

  test("a named key may be hex, too (A14)", () => {
    expect([readKey(KEY), readKey(NPUB), readKey("x"), readKey(undefined)]).toEqual([KEY, KEY, null, null]);
  });
});

describe("identifiers (R27)", () => {
  test.each(["repo", "my repo", "50%", "a:b", "größe", "a.b", "__proto__", "constructor", "x".repeat(251)])(
    "%s is one",
    (text) => {
      expect(identifierFault(text)).toBeNull();
    },
  );

  test.each([
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "a\0b",
    "a\u0007",
    "-x",
    ".x",
    "x.git",
    "x.lock",
    "x".repeat(252),
    "e\u0301",
    "\ud800",
  ])("%j is none", (text) => {
    expect(identifierFault(text)).toEqual(expect.any(String));
  });
});

describe("readAnnouncement", () => {
  test("merges clone, relays and maintainers, and skips invalid keys and the owner (R30, A14)", () => {
    const other = "b".repeat(64);
    expect(
      announcement(
        ["d", "repo"],
        ["clone", "a", "b"],
        ["clone", "c"],
        ["maintainers", KEY, "x", other],
        ["maintainers", other],
      ),
    ).toMatchObject({ identifier: "repo", clone: ["a", "b", "c"], maintainers: [other], roles: null });
  });

  test.each<[string, string[][]]>([
    ["no d", [["clone", "a"]]],
    ["a bad identifier", [["d", ".."]]],
    [
      "private",
      [
        ["d", "repo"],
        ["private", "true"],
      ],
    ],
  ])("refuses %s", (_name, tags) => {
    expect(read(...tags)).toHaveProperty("fault");
  });
});

describe("missingUrls (R28, T17)", () => {
  const ourselves = { hosts: ["git.example", "alias.example:8443"], basePath: "/" };
  const missing = (clone: string, relay: string, identifier = "my repo") =>
    missingUrls(announcement(["d", identifier], ["clone", clone], ["relays", relay]), ourselves).map(
      ({ tag }) => tag,
    );
  const CLONE = `https://git.example/${NPUB}/my%20repo.git`;

  test.each([
    [CLONE, "wss://git.example"],
    [CLONE, "wss://git.example/"],
    [CLONE.replace("https", "http"), "ws://GIT.example."],
    [CLONE.replace("git.example", "alias.example:8443"), "wss://alias.example:8443/"],
    [CLONE.replace("git.example", "git.example:443"), "wss://git.example:443"],
  ])("%s and %s list us", (clone, relay) => {
    expect(missing(clone, relay)).toEqual([]);
  });

  test.each([
    ["https://evil.example/?git.example", "wss://git.example.evil.example"],
    [CLONE.replace("git.example", "notgit.example"), "wss://notgit.example"],
    [CLONE.replace("git.example", "git.example:444"), "wss://git.example:444"],
    [`${CLONE}/`, "wss://git.example/x"],
    [CLONE.replace("https://", "https://user@"), "https://git.example"],
    [`${CLONE}?x`, "wss://git.example?x"],
    [CLONE.replace(NPUB, KEY), "no URL"],
    [CLONE.replace("my%20repo", "other"), "wss://git.example#x"],
  ])("%s and %s do not", (clone, relay) => {
    expect(missing(clone, relay)).toEqual(["clone", "relays"]);
  });

  test("says which URLs to add", () => {
    expect(missingUrls(announcement(["d", "50%"]), ourselves)).toEqual([
      { tag: "clone", url: `https://git.example/${NPUB}/50%25.git` },
      { tag: "relays", url: "wss://git.example" },
    ]);
  });
});
