/** What belongs here, with the real database: references, doors, deletions, expiry (R12, R49 to R57). */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { announcementBy } from "../../../support/grasp-server.ts";
import { type Author, author } from "../../../support/nostr.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
let folder: string;
let store: EventStore;
let grasp: Grasp;
let owner: Author;
let repository: string;
let nowMs: number;
let verified: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-grasp-"));
  store = sqliteEventStore({ path: ":memory:", clock: { now: Date.now, after: () => () => {} } });
  nowMs = Date.now();
  verified = 0;
  const verify = (event: NostrEvent) => {
    verified++;
    return verifyEvent(event);
  };
  grasp = graspOn({ store, repositories: (await repositoriesIn(folder)).repositories }, verify, () => nowMs);
  owner = author();
  const announcement = announcementBy(owner);
  await store.transaction((changes) => changes.save(announcement, nowMs / 1000));
  repository = `30617:${owner.key}:repo`;
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const submit = async (event: NostrEvent) => (await grasp.submit(event, DIRECT)).text.split(":")[0];
/** An event by a stranger. */
const by = (kind: number, tags: string[][] = [], content = "") => author().sign(kind, tags, content);

test("an event is accepted if it tags a repository or an event here, with either letter and q (R49)", async () => {
  const issue = by(1621, [["a", repository]]);
  expect(await submit(issue)).toBe("");
  for (const name of ["a", "A", "q"]) expect(await submit(by(1, [[name, repository]]))).toBe("");
  for (const name of ["e", "E", "q"]) expect(await submit(by(1, [[name, issue.id]]))).toBe("");
  expect(await submit(by(1))).toBe("restricted");
});

test("owner A with identifier B, both known but not together, is refused (R49, T16)", async () => {
  const other = author();
  const theirs = announcementBy(other, "theirs");
  await store.transaction((changes) => changes.save(theirs, nowMs / 1000));
  expect(await submit(by(1621, [["a", `30617:${owner.key}:theirs`]]))).toBe("restricted");
  expect(await submit(by(1621, [["a", `30617:${other.key}:repo`]]))).toBe("restricted");
  expect(await submit(by(1621, [["a", `30617:${other.key}:theirs`]]))).toBe("");
});

test("references lead 3 steps from a direct event and no further (R51)", async () => {
  const notes: NostrEvent[] = [by(1, [], "the last")];
  for (let n = 0; n < 4; n++) notes.unshift(by(1, [["q", notes[0]!.id]], String(n)));
  const direct = by(1, [
    ["a", repository],
    ["q", notes[0]!.id],
  ]);
  // Before what leads to it, an event belongs to nothing.
  expect(await submit(notes[1]!)).toBe("restricted");
  expect(await submit(direct)).toBe("");
  const outcomes = [];
  for (const note of notes) outcomes.push(await submit(note));
  expect(outcomes).toEqual(["", "", "", "restricted", "restricted"]);
});

test("of one event the first 50 references count (R51)", async () => {
  const notes = Array.from({ length: 51 }, (_, n) => by(1, [], String(n)));
  await submit(by(1, [["a", repository], ...notes.map(({ id }) => ["e", id])]));
  // The repository is the first reference.
  expect(await submit(notes[48]!)).toBe("");
  expect(await submit(notes[49]!)).toBe("restricted");
});

test("references never admit announcements and states (R51)", async () => {
  const stranger = author();
  const announcement = stranger.sign(30617, [["d", "elsewhere"]]);
  const state = stranger.sign(30618, [
    ["d", "elsewhere"],
    ["refs/heads/main", "a".repeat(40)],
  ]);
  await submit(
    by(1, [
      ["a", repository],
      ["e", announcement.id],
      ["e", state.id],
      ["a", `30617:${stranger.key}:elsewhere`],
    ]),
  );
  expect([await submit(announcement), await submit(state)]).toEqual(["restricted", "invalid"]);
});

test.each([0, 5, 1984, 10_002, 10_317])(
  "kind %i opens no door in either direction (R50, T15)",
  async (kind) => {
    const note = by(1, [], "hidden");
    const tags = [
      ["a", repository],
      ["e", note.id],
      ["g", "wss://git.example"],
    ];
    // The owner has events here, so that each of these is accepted.
    const bridge = owner.sign(kind, tags);
    expect(await submit(bridge)).toBe("");
    expect(await submit(note)).toBe("restricted");
    expect(await submit(by(1, [["e", bridge.id]]))).toBe("restricted");
  },
);

test("profiles and lists are by those who have something here, which may wait (R52)", async () => {
  const stranger = author();
  for (const kind of [0, 10_002, 10_317]) expect(await submit(stranger.sign(kind, []))).toBe("restricted");
  expect(await submit(announcementBy(stranger, "waits"))).toBe("purgatory");
  for (const kind of [0, 10_002, 10_317]) expect(await submit(stranger.sign(kind, []))).toBe("");
});

test("a deletion is kept if its author or a target is here (R57)", async () => {
  const issue = by(1621, [["a", repository]]);
  await submit(issue);
  expect(await submit(by(5, [["e", "a".repeat(64)]]))).toBe("restricted");
  expect(await submit(by(5, [["e", issue.id]]))).toBe("");
  expect(store.get(issue.id)).not.toBeNull();
  expect(await submit(owner.sign(5, [["e", "b".repeat(64)]]))).toBe("");
});

test("a deletion or request to vanish does not make its author somebody with events here (R57, T15)", async () => {
  const stranger = author();
  expect(await submit(stranger.sign(62, [["relay", "ALL_RELAYS"]]))).toBe("");
  expect(await submit(stranger.sign(0, [], "", Math.floor(nowMs / 1000) + 1))).toBe("restricted");
});

test("known, deleted and once refused ids cost no second verification (R8, T28)", async () => {
  const [note, issue] = [by(1), by(1621, [["a", repository]])];
  for (let n = 0; n < 3; n++) expect(await submit(note)).toBe("restricted");
  expect(verified).toBe(1);
  for (let n = 0; n < 3; n++) expect(await submit(issue)).toBe(n === 0 ? "" : "duplicate");
  expect(verified).toBe(2);
  const bad = { ...by(1), sig: "0".repeat(128) };
  for (let n = 0; n < 3; n++) expect(await submit(bad)).toBe("invalid");
  expect(verified).toBe(3);
});

test("what is refused before its target is accepted after it (R53)", async () => {
  const issue = by(1621, [["a", repository]]);
  const comment = by(1111, [["E", issue.id]]);
  expect(await submit(comment)).toBe("restricted");
  await submit(issue);
  expect(await submit(comment)).toBe("");
});

test("a sweep removes what is expired, and it does not come back (R12)", async () => {
  const end = Math.floor(nowMs / 1000) + 60;
  const issue = by(1621, [
    ["a", repository],
    ["expiration", String(end)],
  ]);
  expect(await submit(issue)).toBe("");
  nowMs += 60_000;
  await grasp.sweep();
  expect(store.get(issue.id)).toBeNull();
  expect(await submit(issue)).toBe("invalid");
});

test("a database that fails during a decision gives an error, and never an acceptance (R16, T46)", async () => {
  const issue = by(1621, [["a", repository]]);
  await store.close();
  expect(await submit(issue)).toBe("error");
  store = sqliteEventStore({ path: ":memory:", clock: { now: Date.now, after: () => () => {} } });
});
