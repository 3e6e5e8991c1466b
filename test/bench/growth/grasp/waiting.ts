import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { DEADLINES_MS } from "../../../../runtime/grasp/purgatory/deadlines.ts";
import { type Entry, keyOf } from "../../../../runtime/grasp/purgatory/entry.ts";
import { announcementBy, MAIN, stateBy } from "../../../support/grasp-server.ts";
import { author } from "../../../support/nostr.ts";
import { COMMITS } from "../../../unit/runtime/grasp/life/commits.ts";
import type { Contender } from "../../harness.ts";
import type { Growth } from "../series.ts";
import { accepted, MEASURED, openPlace, PACE, type Place } from "./place.ts";

/** What waits for one identifier: an announcement, and as many states and PRs. All that may wait is some 100,000 (P6). */
const STATES = 4;
const PULL_REQUESTS = 5;
const OF_ONE = 1 + STATES + PULL_REQUESTS;
/** Entries of one transaction. */
const BATCH = 1000;
const ABSENT = "a".repeat(40);

const places: Place[] = [];

/** Waiting entries. */
export const waiting: Growth = {
  name: "grasp-waiting",
  title: "GRASP: a release and an accepted event, by waiting entries",
  x: "entries in purgatory",
  explanation:
    "As many entries, rows and objects are looked at with 100,000 entries as with none (a test counts them). By profile, what grows is the collection of a larger heap's garbage, look-ups in larger maps, which miss the processor's caches, and SQLite's commit of a larger database in memory.",
  measured: MEASURED,
  pace: PACE,
  sizes: [0, 1000, 10_000, 100_000],
  async open(size) {
    console.error(`growth: filling purgatory with ${size.toLocaleString("en")} entries`);
    const place = openPlace();
    places.push(place);
    for (let from = 0; from < size; from += BATCH) {
      const entries = Array.from({ length: Math.min(BATCH, size - from) / OF_ONE }, (_, i) =>
        entriesOf(from / OF_ONE + i),
      ).flat();
      await place.store.transaction((changes) => {
        for (const entry of entries) changes.journalPut(keyOf(entry), entry);
      });
    }
    await place.grasp.start();
    const { purgatory } = place.grasp;
    const waits = purgatory.size("announcement") + purgatory.size("state") + purgatory.size("pr");
    if (waits !== size) throw new Error(`${waits} entries wait where ${size} should`);
    const owner = await place.host("hub");
    const pushed = await place.host("pushed");
    return {
      "release of a waiting state": released(place, pushed, "pushed"),
      "accepted event": accepted(place, owner, "hub"),
    };
  },
  async close() {
    for (const place of places.splice(0)) await place.close();
  },
};

/** A state comes and waits; then its objects come, and it is released. */
function released(place: Place, owner: ReturnType<typeof author>, identifier: string): Contender {
  const data = place.disk.repositories.get(`${owner.key}/${identifier}`)!;
  let at = Math.floor(Date.now() / 1000) - 1_000_000;
  let states: NostrEvent[] = [];
  return {
    name: identifier,
    prepare(times) {
      states = Array.from({ length: times }, () => stateBy(owner, { [MAIN]: COMMITS[0]! }, identifier, at++));
    },
    async run(times) {
      for (let i = 0; i < times; i++) {
        data.objects.clear();
        data.refs.clear();
        const answer = await place.grasp.submit(states[i]!, { source: "direct", address: null });
        if (!answer.text.startsWith("purgatory:")) throw new Error(answer.text);
        data.objects.add(COMMITS[0]!);
        const { released } = await place.grasp.newGitData(identifier, {
          repository: owner.key,
          ids: new Set([COMMITS[0]!]),
        });
        if (released.length !== 1) throw new Error("the state was not released");
      }
    },
  };
}

/** What waits for one identifier, each of an author of its own or the owner's. */
function entriesOf(number: number): Entry[] {
  const owner = author();
  const identifier = `waiting-${number}`;
  const now = Date.now();
  const waits = {
    source: "direct" as const,
    address: `192.0.2.${number % 250}`,
    arrivedMs: now,
    deadlineMs: now + DEADLINES_MS.arrival,
  };
  const seconds = Math.floor(now / 1000);
  const event = announcementBy(owner, identifier);
  const states = Array.from({ length: STATES }, (_, i) =>
    stateBy(owner, { [MAIN]: ABSENT }, identifier, seconds - i),
  );
  const contributor = author();
  const prs = Array.from({ length: PULL_REQUESTS }, (_, i) =>
    contributor.sign(
      1618,
      [
        ["a", `30617:${owner.key}:${identifier}`],
        ["c", ABSENT],
      ],
      `pull request ${i}`,
    ),
  );
  return [
    { store: "announcement", event, identifier, isSoftExpired: false, ...waits },
    ...states.map((state): Entry => ({ store: "state", event: state, identifier, ...waits })),
    ...prs.map((pr): Entry => ({ store: "pr", event: pr, identifiers: [identifier], ...waits })),
  ];
}
