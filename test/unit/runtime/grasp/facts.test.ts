import { describe, expect, test } from "vitest";
import { readAnnouncement } from "../../../../runtime/grasp/announcement.ts";
import {
  type FactSources,
  idsWanted,
  MAX_MISSING,
  repositoryFacts,
} from "../../../../runtime/grasp/facts.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { KnownAnnouncement } from "../../../../runtime/grasp/policy/world.ts";
import type { Entry } from "../../../../runtime/grasp/purgatory/entry.ts";
import { readState } from "../../../../runtime/grasp/state.ts";
import { type Author, author } from "../../../support/nostr.ts";

const [owner, friend, stranger] = [author(), author(), author()];
const id = (letter: string) => letter.repeat(40);

function announced(
  by: Author,
  status: KnownAnnouncement["status"],
  tags: string[][] = [],
): [string, KnownAnnouncement] {
  const read = readAnnouncement(by.sign(30617, [["d", "repo"], ...tags], "", 1000));
  if ("fault" in read) throw new Error(read.fault);
  return [by.key, { announcement: read.announcement, status, isHosted: true }];
}
function stateOf(by: Author, refs: string[][], at = 2000) {
  const read = readState(by.sign(30618, [["d", "repo"], ...refs, ["HEAD", "ref: refs/heads/main"]], "", at));
  if ("fault" in read) throw new Error(read.fault);
  return read.state;
}
const waiting = { arrivedMs: 5_000_500, deadlineMs: 6_800_500, source: "direct", address: null } as const;

function factsWith(more: Partial<FactSources> = {}) {
  return repositoryFacts({
    owner: owner.key,
    identifier: "repo",
    address: "git.example/",
    announcements: new Map([announced(owner, "served", [["maintainers", friend.key]])]),
    state: null,
    isStateServed: false,
    entries: [],
    snapshot: null,
    missing: new Set(),
    asked: [],
    repair: null,
    ...more,
  });
}

describe("the facts of a repository (G27)", () => {
  test("who may push, and by which announcement: the owner by its own, others by the one that names them", () => {
    const announcements = new Map([
      announced(owner, "served", [["maintainers", friend.key]]),
      announced(friend, "waiting", [["maintainers", stranger.key]]),
    ]);
    const { may_push } = factsWith({ announcements });
    expect(may_push.map(({ npub, role, because }) => [npub, role, because.author, because.place])).toEqual([
      [toNpub(owner.key), "owner", toNpub(owner.key), "served"],
      [toNpub(friend.key), "maintainer", toNpub(owner.key), "served"],
      [toNpub(stranger.key), "maintainer", toNpub(friend.key), "waiting"],
    ]);
  });

  test("roles are those of the owner's announcement, moderators too (A12)", () => {
    const announcements = new Map([
      announced(owner, "served", [
        ["M", friend.key],
        ["o", stranger.key, "1", "2"],
      ]),
    ]);
    expect(factsWith({ announcements }).roles).toEqual([
      { npub: toNpub(friend.key), role: "lead maintainer", is_active: true },
      { npub: toNpub(stranger.key), role: "moderator", is_active: false },
    ]);
  });

  test("refs are compared with the state by name; hidden ones and PRs are left out", () => {
    const state = stateOf(friend, [
      ["refs/heads/main", id("a")],
      ["refs/tags/v1", id("b")],
    ]);
    const refs = new Map([
      ["refs/heads/main", id("c")],
      ["refs/heads/old", id("d")],
      [`refs/nostr/${"e".repeat(64)}`, id("e")],
    ]);
    const facts = factsWith({
      state,
      isStateServed: true,
      snapshot: { version: "", refs, head: "refs/heads/old" },
    });
    expect(facts.state).toMatchObject({
      author: toNpub(friend.key),
      place: "served",
      head: "refs/heads/main",
    });
    expect(facts.head).toBe("refs/heads/old");
    expect(facts.refs).toEqual([
      { name: "refs/heads/main", stated: id("a"), here: id("c") },
      { name: "refs/heads/old", stated: null, here: id("d") },
      { name: "refs/tags/v1", stated: id("b"), here: null },
    ]);
  });

  test("what waits is the owner's: no stranger's announcement or state, and no PR of another repository", () => {
    const state = (by: Author): Entry => ({
      ...waiting,
      store: "state",
      identifier: "repo",
      event: stateOf(by, [["refs/heads/main", id("a")]]).event,
    });
    const pr = (to: Author): Entry => ({
      ...waiting,
      store: "pr",
      identifiers: ["repo"],
      event: stranger.sign(1618, [
        ["a", `30617:${to.key}:repo`],
        ["c", id("f")],
      ]),
    });
    const upload = (to: Author): Entry => ({
      ...waiting,
      store: "placeholder",
      identifier: "repo",
      repository: `${to.key}/repo`,
      id: "9".repeat(64),
      commit: id("9"),
      bytes: 1,
    });
    const entries = [
      state(friend),
      state(stranger),
      pr(owner),
      pr(stranger),
      upload(owner),
      upload(stranger),
    ];
    const facts = factsWith({ entries, missing: new Set([id("f")]) });
    expect(
      facts.waiting.map(({ what, missing, since, until }) => [what, missing, since, until]).sort(),
    ).toEqual([
      ["pull request", [id("f")], 5000, 6800],
      ["state", [], 5000, 6800],
      ["upload", [], 5000, 6800],
    ]);
    const wanted = idsWanted({
      owner: owner.key,
      identifier: "repo",
      entries,
      announcements: new Map([announced(owner, "served", [["maintainers", friend.key]])]),
    });
    expect(wanted.sort()).toEqual([id("a"), id("f")]);
  });

  test("missing objects of a state are named up to a bound, and the rest is counted", () => {
    const refs = Array.from({ length: MAX_MISSING + 7 }, (_, i) => [
      `refs/heads/b${i}`,
      i.toString(16).padStart(40, "0"),
    ]);
    const entry: Entry = {
      ...waiting,
      store: "state",
      identifier: "repo",
      event: stateOf(owner, refs).event,
    };
    const missing = new Set(refs.map(([, value]) => value!));
    const [facts] = factsWith({ entries: [entry], missing }).waiting;
    expect([facts!.missing.length, facts!.missing_more]).toEqual([MAX_MISSING, 7]);
  });

  test("the announcement's fields are as they were written (X20)", () => {
    const tags = [
      ["name", "Name"],
      ["description", "What"],
      ["web", "https://a.example", "https://b.example"],
      ["t", "one"],
      ["t", "two"],
      ["u", "30617:x:y"],
      ["r", id("a"), "euc"],
    ];
    const { announcement } = factsWith({ announcements: new Map([announced(owner, "served", tags)]) });
    expect(announcement).toMatchObject({
      name: "Name",
      description: "What",
      web: ["https://a.example", "https://b.example"],
      topics: ["one", "two"],
      fork_of: ["30617:x:y"],
    });
  });

  test("servers that were asked are told with when and what they answered", () => {
    const asked = [
      {
        url: "https://a",
        startedMs: 1000,
        endedMs: 4000,
        outcome: "failed",
        items: 0,
        answer: "404",
        times: 2,
      },
      { url: "https://b", startedMs: 5000, endedMs: null, outcome: null, items: 0, answer: null, times: 1 },
    ] as const;
    expect(factsWith({ asked }).asked).toEqual([
      { url: "https://a", started: 1, ended: 4, outcome: "failed", answer: "404", objects: 0, times: 2 },
      { url: "https://b", started: 5, ended: null, outcome: null, answer: null, objects: 0, times: 1 },
    ]);
  });
});
