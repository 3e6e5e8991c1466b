import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import { importFile } from "../../../../../worker/grasp/control/verbs/import.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import { createSystemClock } from "../../../../../worker/hosts/system-clock.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";
import { graspOn, repositoriesIn } from "../../../../support/grasp.ts";
import { announcementBy, MAIN, stateBy } from "../../../../support/grasp-server.ts";
import { author } from "../../../../support/nostr.ts";

const output = { signal: new AbortController().signal, progress: () => {} };
const AT = 1_700_000_000;

let folder: string;
let work: WorkTree;
let commit: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-import-"));
  work = workTree(folder);
  commit = work.commit("a", "one");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Imports events into a service whose repositories were copied before. @returns the counts, and the ids that are here afterwards */
async function imported(events: readonly NostrEvent[], batch?: number) {
  const at = mkdtempSync(join(folder, "data-"));
  const store = sqliteEventStore({
    path: join(at, "grasp.db"),
    clock: createSystemClock((timer) => timer.unref()),
  });
  try {
    const { repositories, folders } = await repositoriesIn(at);
    for (const { kind, pubkey } of events)
      if (kind === 30618)
        work.git("clone", "-q", "--bare", work.path, join(folders.git, toNpub(pubkey), "repo.git"));
    const grasp = graspOn({ store, repositories });
    const file = join(at, "events.jsonl");
    writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    let judged = 0;
    const receive: typeof grasp.receive = (...args) => {
      judged++;
      return grasp.receive(...args);
    };
    const given = {
      file,
      maxBytes: 1_000_000,
      grasp: { receive },
      ...(batch === undefined ? {} : { batch }),
    };
    const counts = await importFile(given, output);
    const here = events.filter(({ id }) => store.get(id) !== null || grasp.purgatory.event(id) !== null);
    return { counts: Object.fromEntries(counts), here: here.map(({ id }) => id).sort(), judged };
  } finally {
    await store.close();
  }
}

/** A repository, and comments of which each is about the one before it and older. */
function chain(length: number): NostrEvent[] {
  const owner = author();
  const announcement = announcementBy(owner, "repo", [], AT);
  const events = [announcement, stateBy(owner, { [MAIN]: commit }, "repo", AT + 1)];
  for (let n = 0; n < length; n++) {
    const about = n === 0 ? ["A", `30617:${owner.key}:repo`] : ["E", events.at(-1)!.id];
    events.push(author().sign(1111, [about], `comment ${n}`, AT - n));
  }
  return events;
}

test.each([1, 2, 3, 50_000])(
  "events that belong to later ones in a file are all taken over, %i sorted together (O19, L28)",
  async (batch) => {
    const events = chain(8);
    const whole = events.map(({ id }) => id).sort();
    for (const order of [events, [...events].reverse()]) {
      const { here, counts } = await imported(order, batch);
      expect(here).toEqual(whole);
      expect(counts).not.toHaveProperty("refused: restricted");
    }
  },
);

test("a deletion ends its event, whatever comes first in the file (O19, R59)", async () => {
  const owner = author();
  const announcement = announcementBy(owner, "repo", [], AT);
  const friend = author();
  const comment = friend.sign(1111, [["A", `30617:${owner.key}:repo`]], "a mistake", AT + 1);
  const state = stateBy(owner, { [MAIN]: commit }, "repo", AT + 1);
  const deletion = friend.sign(5, [["e", comment.id]], "", AT + 2);
  for (const order of [
    [announcement, state, comment, deletion],
    [deletion, comment, state, announcement],
  ]) {
    for (const batch of [1, 50_000]) {
      const { here } = await imported(order, batch);
      expect(here).toContain(announcement.id);
      expect(here).not.toContain(comment.id);
    }
  }
});

test("what stays refused is judged as often as something else is accepted, and what is invalid once", async () => {
  const announcement = announcementBy(author(), "repo", [], AT);
  const stranger = author().sign(1111, [["E", "0".repeat(64)]], "about nothing", AT);
  const forged = { ...announcementBy(author()), sig: "0".repeat(128) };
  const { counts, judged } = await imported([stranger, forged, announcement], 1);
  expect(counts).toEqual({ waits: 1, "refused: restricted": 1, "refused: invalid": 1 });
  // Three at first, and the stranger's once more, which brings nothing.
  expect(judged).toBe(4);
});
