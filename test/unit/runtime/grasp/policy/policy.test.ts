import { describe, expect, test } from "vitest";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import { judgeAnnouncement } from "../../../../../runtime/grasp/policy/announcement-policy.ts";
import { judgeOther } from "../../../../../runtime/grasp/policy/other-policy.ts";
import { judgePr } from "../../../../../runtime/grasp/policy/pr-policy.ts";
import { judgeState } from "../../../../../runtime/grasp/policy/state-policy.ts";
import { announcement, event, type Given, key, worldOf } from "./world.ts";

const [A, B, C] = [key(1), key(2), key(3)];
const ID = "1".repeat(40);
const own = announcement(A);
const served = { served: [own] };
const prefix = (verdict: object) =>
  "prefix" in verdict ? verdict.prefix : (verdict as { kind: string }).kind;

describe("announcements", () => {
  const judge = (one: ReturnType<typeof event>, given: Given = {}) =>
    prefix(judgeAnnouncement(one, worldOf(given)));

  test("a new one waits (R32); a newer one of a served one is served (R33); of a waiting one waits (R34)", () => {
    const newer = announcement(A, "repo", [], 2);
    expect([judge(newer), judge(newer, served), judge(newer, { waiting: [own] })]).toEqual([
      "wait",
      "serve",
      "wait",
    ]);
  });

  test("an older one is a duplicate (R34, T43)", () => {
    expect(judge(announcement(A, "repo", [], 0), served)).toBe("duplicate");
  });

  test("one that does not list us is refused, with the URLs to add (R28)", () => {
    const verdict = judgeAnnouncement(event(30617, A, [["d", "repo"]]), worldOf({}));
    expect(verdict).toMatchObject({ kind: "refuse", prefix: "restricted" });
    expect((verdict as { text: string }).text).toContain(`https://git.example/${toNpub(A)}/repo.git`);
    expect((verdict as { text: string }).text).toContain("wss://git.example");
  });

  test("a named maintainer's need not list us (R29); a stranger's must", () => {
    const bare = (author: string) => event(30617, author, [["d", "repo"]]);
    const chain = {
      served: [
        announcement(A, "repo", [["maintainers", B]]),
        event(30617, B, [
          ["d", "repo"],
          ["maintainers", C],
        ]),
      ],
    };
    expect([judge(bare(C), chain), judge(bare(key(9)), chain)]).toEqual(["serve", "restricted"]);
  });

  test("a newer version that no longer lists us takes it back (R35)", () => {
    const bare = event(30617, A, [["d", "repo"]], 2);
    expect([judge(bare, served), judge(bare, { waiting: [own] })]).toEqual(["delist", "delist"]);
  });

  test("where the file system folds names, an owner has one identifier of each spelling (R27)", () => {
    const cases = (given: Given) =>
      ["Repo", "REPO", "repos"].map((identifier) => judge(announcement(A, identifier), given));
    expect(cases({ served: [own], foldsNames: true })).toEqual(["invalid", "invalid", "wait"]);
    expect(cases({ softExpired: [own], foldsNames: true })).toEqual(["invalid", "invalid", "wait"]);
    expect(cases({ served: [own] })).toEqual(["wait", "wait", "wait"]);
    // Another owner's repository is in another folder, and what is here stays.
    expect(judge(announcement(B, "Repo"), { served: [own], foldsNames: true })).toBe("wait");
    const both = { served: [own, announcement(A, "Repo")], foldsNames: true };
    expect(judge(announcement(A, "Repo", [], 2), both)).toBe("serve");
  });

  test("lists of the operator (R26, R31)", () => {
    const listed = new Set([`${toNpub(A)}/repo`]);
    expect(judge(own, { lists: { denyAuthors: new Set([A]) } })).toBe("blocked");
    expect(judge(own, { lists: { denyRepositories: listed, allowRepositories: listed } })).toBe("blocked");
    expect(judge(own, { lists: { allowRepositories: new Set() } })).toBe("restricted");
    expect(judge(own, { lists: { allowRepositories: listed } })).toBe("wait");
    expect(judge(announcement(A, "other"), { ...served, lists: { maxRepositories: 1 } })).toBe("restricted");
  });
});

describe("states", () => {
  const state = (author: string, created_at = 1, refs = [["refs/heads/main", ID]]) =>
    event(30618, author, [["d", "repo"], ...refs], created_at);
  const judge = (
    one: ReturnType<typeof event>,
    given: Given,
    facts = { isComplete: false, isFromSync: false },
  ) => prefix(judgeState(one, facts, worldOf(given)));

  test("waits without its objects, is served with them (R40)", () => {
    expect(judge(state(A), served)).toBe("wait");
    expect(judge(state(A), served, { isComplete: true, isFromSync: false })).toBe("serve");
  });

  test("where the file system folds names, two refs that fold to one are invalid, and the text has both (A46)", () => {
    const pair = [
      ["refs/heads/main", ID],
      ["refs/heads/Main", ID],
    ];
    const verdict = judgeState(
      state(A, 1, pair),
      { isComplete: false, isFromSync: false },
      worldOf({ ...served, foldsNames: true }),
    );
    expect(verdict).toMatchObject({
      prefix: "invalid",
      text: expect.stringMatching(/heads\/main .*heads\/Main/),
    });
    expect(judge(state(A, 1, pair), served)).toBe("wait");
  });

  test("a waiting or soft-expired announcement is enough (R37, P22)", () => {
    expect([judge(state(A), { waiting: [own] }), judge(state(A), { softExpired: [own] })]).toEqual([
      "wait",
      "wait",
    ]);
  });

  test("without an announcement, or by somebody outside every set, it is invalid (R37)", () => {
    expect([judge(state(A), {}), judge(state(B), served)]).toEqual(["invalid", "invalid"]);
    expect(judge(state(B), { served: [announcement(A, "repo", [["maintainers", B]])] })).toBe("wait");
  });

  test("older than a served or withdrawn one of the same author it is a duplicate (R41, T18)", () => {
    expect(judge(state(A, 1), { served: [own, state(A, 5)] })).toBe("duplicate");
    expect(judge(state(A, 1), { served: [own, state(A, 5, [])] })).toBe("duplicate");
    expect(judge(state(A, 9), { served: [own, state(A, 5)] })).toBe("wait");
  });

  test("one without refs is served at once (R43)", () => {
    expect(judge(state(A, 1, []), served)).toBe("serve");
  });

  test("one that expired is refused from sync and taken from a client (R44)", () => {
    const one = state(A);
    const given = { ...served, remembered: { [one.id]: "expired" as const } };
    expect(judge(one, given, { isComplete: false, isFromSync: true })).toBe("blocked");
    expect(judge(one, given)).toBe("wait");
  });
});

describe("pull requests", () => {
  const pr = (tags: string[][], kind = 1618, author = B) => event(kind, author, tags);
  const TAGS = [
    ["a", `30617:${A}:repo`],
    ["c", ID],
  ];
  const judge = (one: ReturnType<typeof event>, given: Given = served, isComplete = false) =>
    prefix(judgePr(one, { isComplete }, worldOf(given)));

  test("waits for its commit, and is served with it (R47)", () => {
    expect([judge(pr(TAGS)), judge(pr(TAGS), served, true)]).toEqual(["wait", "serve"]);
  });

  test("needs a commit and a repository that is served (R45)", () => {
    expect(judge(pr([["a", `30617:${A}:repo`]]))).toBe("invalid");
    expect(judge(pr(TAGS), { waiting: [own] })).toBe("restricted");
    expect(
      judge(
        pr([
          ["a", `30617:${B}:repo`],
          ["c", ID],
        ]),
      ),
    ).toBe("restricted");
    const deleted = pr(TAGS);
    expect(judge(deleted, { ...served, remembered: { [deleted.id]: "deleted" } })).toBe("blocked");
  });

  test("the matching a need not be the first, and an identifier may have colons (R46, T50)", () => {
    const given = { served: [announcement(A, "a:b")] };
    expect(
      judge(
        pr([
          ["a", `30617:${C}:other`],
          ["a", `30617:${A}:a:b`],
          ["c", ID],
        ]),
        given,
      ),
    ).toBe("wait");
  });

  test("a tagged owner whose set overlaps with a served one is enough (N11)", () => {
    const given = { served: [announcement(A, "repo", [["maintainers", C]])] };
    expect(
      judge(
        pr([
          ["a", `30617:${C}:repo`],
          ["c", ID],
        ]),
        given,
      ),
    ).toBe("wait");
  });

  test("an update is by the PR's author or a maintainer; an unknown PR is looked at later (R48)", () => {
    const first = pr(TAGS);
    const update = (author: string, id = first.id) => pr([...TAGS, ["E", id], ["P", B]], 1619, author);
    const given = { served: [own, first] };
    expect([judge(update(B), given), judge(update(A), given), judge(update(C), given)]).toEqual([
      "wait",
      "wait",
      "restricted",
    ]);
    expect(judge(update(C, key(77)), given)).toBe("wait");
    expect(judge(pr(TAGS, 1619), given)).toBe("invalid");
  });
});

describe("other events", () => {
  const judge = (one: ReturnType<typeof event>, given: Given = served) =>
    prefix(judgeOther(one, worldOf(given)));
  const comment = (tags: string[][]) => event(1111, B, tags);

  test.each(["a", "A", "q"])("one that tags a served repository by %s is served (R49)", (name) => {
    expect(judge(comment([[name, `30617:${A}:repo`]]))).toBe("serve");
  });

  test("owner and identifier must belong together (R49, T16)", () => {
    const given = { served: [own, announcement(B, "other")] };
    expect(judge(comment([["a", `30617:${A}:other`]]), given)).toBe("restricted");
    expect(judge(comment([["a", `30617:${A}:repo`]]), { waiting: [own] })).toBe("restricted");
  });

  test.each(["e", "E", "q"])("one that tags an accepted event by %s is served (R49)", (name) => {
    const issue = event(1621, B, [["a", `30617:${A}:repo`]]);
    expect(judge(comment([[name, issue.id]]), { served: [own, issue] })).toBe("serve");
    expect(judge(comment([[name, issue.id]]))).toBe("restricted");
  });

  test.each([0, 5, 62, 1984, 10_002, 10_317])("kind %i opens no door (R50, T15)", (kind) => {
    const bridge = event(kind, B, []);
    expect(judge(comment([["e", bridge.id]]), { served: [own, bridge] })).toBe("restricted");
  });

  test("one that an accepted event refers to is served, a replaceable one by its address (R49)", () => {
    const note = comment([]);
    expect(judge(note, { ...served, referredTo: { [note.id]: 0 } })).toBe("serve");
    const list = event(30_000, B, [["d", "x"]]);
    expect(judge(list, { ...served, referredTo: { [`30000:${B}:x`]: 0 } })).toBe("serve");
  });

  test("references count up to 3 steps (R51)", () => {
    const note = comment([]);
    const judged = (steps: number) =>
      judgeOther(note, worldOf({ ...served, referredTo: { [note.id]: steps } }));
    expect([0, 2, 3].map(judged)).toMatchObject([
      { kind: "serve", steps: 1 },
      { kind: "serve", steps: 3 },
      { kind: "refuse" },
    ]);
  });

  test("an author has at most 1,000 deletions here (R57)", () => {
    const deletions = Array.from({ length: 1000 }, () => event(5, A, [["e", key(1)]]));
    expect(judge(event(5, A, []), { served: deletions.slice(1) })).toBe("serve");
    expect(judge(event(5, A, []), { served: deletions })).toBe("blocked");
  });

  test("profiles and relay lists are by authors with events here, or by the relay's key (R52)", () => {
    expect([judge(event(0, A, [])), judge(event(0, B, [])), judge(event(10_002, A, []))]).toEqual([
      "serve",
      "restricted",
      "serve",
    ]);
    expect(judge(event(0, B, []), { lists: { relayKey: B } })).toBe("serve");
    expect(judge(event(1, B, []), { lists: { operator: B } })).toBe("serve");
    expect(judge(event(10_317, B, [["g", "wss://git.example"]]))).toBe("serve");
    expect(judge(event(10_317, B, [["g", "wss://git.example.evil"]]))).toBe("restricted");
  });

  test("a deletion needs an author or a target that is known (R57)", () => {
    expect([judge(event(5, A, [])), judge(event(5, B, [["e", key(9)]]))]).toEqual(["serve", "restricted"]);
    expect(judge(event(5, B, [["e", key(9)]]), { remembered: { [key(9)]: "expired" } })).toBe("serve");
    expect(judge(event(5, B, [["e", key(9)]]), { held: [B] })).toBe("serve");
  });

  test("a request to vanish names us, or all relays in upper case (R62, R71)", () => {
    const vanish = (relay: string) => judge(event(62, B, [["relay", relay]]));
    expect(["ALL_RELAYS", "wss://git.example", "all_relays", "wss://other.example"].map(vanish)).toEqual([
      "serve",
      "serve",
      "restricted",
      "restricted",
    ]);
  });
});
