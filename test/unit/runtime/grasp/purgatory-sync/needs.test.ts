import { describe, expect, test } from "vitest";
import { type Announcement, readAnnouncement } from "../../../../../runtime/grasp/announcement.ts";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import type { KnownAnnouncement } from "../../../../../runtime/grasp/policy/world.ts";
import {
  askedOf,
  cloneSources,
  idsNamed,
  MAX_URLS,
} from "../../../../../runtime/grasp/purgatory-sync/needs.ts";
import { type Author, author } from "../../../../support/nostr.ts";

const RULES = { ownHosts: ["git.example"], allowInsecure: false };
const [A, B, C] = ["a".repeat(40), "b".repeat(40), "c".repeat(40)];
const [owner, stranger, contributor] = [author(), author(), author()];
const state = (by: Author, refs: Record<string, string>, at = 1000) =>
  by.sign(30618, [["d", "repo"], ...Object.entries(refs)], "", at);
const pr = (commit: string, clone: string[] = []) =>
  contributor.sign(1618, [
    ["a", `30617:${owner.key}:repo`],
    ["c", commit],
    ["clone", ...clone],
  ]);
const none = () => null;

describe("what is needed (S3, S4, S5)", () => {
  test("ids of states without symbolic values and peeled tags, and commits of PRs, each with its events", () => {
    const one = state(owner, {
      "refs/heads/main": A,
      "refs/heads/alias": "ref: refs/heads/main",
      "refs/tags/v1": B,
      "refs/tags/v1^{}": C,
    });
    const two = pr(A);
    expect([...idsNamed([one, two], none)]).toEqual([
      [A, [one, two]],
      [B, [one]],
    ]);
  });

  test.each([
    ["64 hex", "a".repeat(64)],
    ["upper case", "A".repeat(40)],
    ["zeros", "0".repeat(40)],
    ["an option", "--upload-pack=touch /tmp/x"],
    ["a refspec", "+refs/heads/x:refs/heads/main"],
  ])("%s is never asked for (T5)", (_, value) => {
    expect([...idsNamed([state(owner, { "refs/heads/main": value }), pr(value)], none)]).toEqual([]);
  });

  test("a state that is older than a served one of its author needs nothing", () => {
    const [old, newer] = [
      state(owner, { "refs/heads/main": A }, 1000),
      state(owner, { "refs/heads/main": B }, 2000),
    ];
    const served = (event: NostrEvent) => (_: number, by: string) => (by === owner.key ? event : null);
    expect([...idsNamed([old], served(newer)).keys()]).toEqual([]);
    expect([...idsNamed([newer], served(old)).keys()]).toEqual([B]);
    expect([...idsNamed([old], served(old)).keys()]).toEqual([A]);
  });
});

describe("who is asked (S6, S7, S8)", () => {
  const announcement = (by: Author, clone: string[]): KnownAnnouncement => {
    const event = by.sign(30617, [
      ["d", "repo"],
      ["clone", ...clone],
    ]);
    const { announcement: read } = readAnnouncement(event) as { announcement: Announcement };
    return { announcement: read, status: "served", isHosted: true };
  };
  const grasp = (host: string, by: Author) => `https://${host}/${toNpub(by.key)}/repo.git`;
  const needsOf = (...events: NostrEvent[]) =>
    [...idsNamed(events, none)].map(([id, named]) => ({ id, events: named }));
  const announcements = new Map([
    [stranger.key, announcement(stranger, ["https://forge.example/s.git", grasp("s.example", stranger)])],
    [
      owner.key,
      announcement(owner, [
        "https://forge.example/o.git",
        grasp("git.example", owner),
        grasp("o.example", owner),
      ]),
    ],
  ]);
  const sets = new Map([owner, stranger].map(({ key }) => [key, new Set([key])]));

  test("the owners concerned, then others, GRASP paths first in both; then a PR's own; never ourselves", () => {
    const needs = needsOf(
      state(owner, { "refs/heads/main": A }),
      pr(B, ["https://pr.example/x.git", "http://no.example/x.git"]),
    );
    const sources = cloneSources("repo", needs, sets, announcements, RULES);
    expect(sources.map(({ url }) => url)).toEqual([
      grasp("o.example", owner),
      "https://forge.example/o.git",
      grasp("s.example", stranger),
      "https://forge.example/s.git",
      "https://pr.example/x.git",
    ]);
    expect(new Set(sources.map(({ key }) => key)).size).toBe(5);
  });

  test("a PR's own URLs are asked for its commit only, the owners' for everything", () => {
    const needs = needsOf(
      state(owner, { "refs/heads/main": A }),
      pr(B, ["https://pr.example/x.git", "https://forge.example/o.git"]),
      pr(C, ["https://other.example/x.git"]),
    );
    const sources = cloneSources("repo", needs, sets, announcements, RULES);
    const asked = (url: string) =>
      askedOf(sources.find((source) => source.url === url)!, needs, RULES).map(({ id }) => id);
    expect(asked("https://pr.example/x.git")).toEqual([B]);
    expect(asked("https://other.example/x.git")).toEqual([C]);
    expect(asked("https://forge.example/o.git")).toEqual([A, B, C]);
    expect(asked(grasp("s.example", stranger))).toEqual([A, B, C]);
  });

  test("a PR concerns its repository's owner, and owners who share a maintainer", () => {
    const needs = needsOf(pr(B));
    const first = (given: typeof sets) => cloneSources("repo", needs, given, announcements, RULES)[0]!.url;
    expect(first(sets)).toBe(grasp("o.example", owner));
    const shared = new Map([[stranger.key, new Set([stranger.key, owner.key])]]);
    expect(first(shared)).toBe(grasp("s.example", stranger));
  });

  test("a list of many servers is read in part", () => {
    const many = Array.from({ length: 5000 }, (_, i) => `https://h${i}.example/x.git`);
    const sources = cloneSources("repo", needsOf(pr(B, many)), sets, announcements, RULES);
    expect(sources.length).toBeLessThanOrEqual(MAX_URLS + 5);
  });
});
