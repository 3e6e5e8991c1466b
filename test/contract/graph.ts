/**
 * The contract of the identity graph on every store: no write is lost, a withdrawal holds.
 * @module
 */
import { minimalEntry } from "../../runtime/ec/graph/entry.ts";
import { keyOf } from "../../runtime/ec/graph/entry-writer.ts";
import { createGraph } from "../../runtime/ec/graph/graph.ts";
import type { Clock, Random } from "../../runtime/platform.ts";
import { type ContractCase, ok, same } from "./case.ts";
import type { StoreHarness } from "./store.ts";

const ID = `${"a".repeat(64)}.Abc123`;
const WRITERS = 300;

const random: Random = { fill: (target) => void crypto.getRandomValues(target) };

/** Timers are real; the time of day stands still. */
const clock: Clock = {
  now: () => 1_800_000_000_000,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The suite for the graph on one store. */
export function graphContract(harness: StoreHarness): ContractCase[] {
  return [
    {
      name: `no write of ${WRITERS} simultaneous partners to one id is lost`,
      async run() {
        const { store, again, dispose } = await harness.open();
        // Two instances if the store can be shared, so that processes race.
        const second = again === undefined ? store : await again();
        const graphs = [createGraph(store, clock, random), createGraph(second, clock, random)];
        try {
          await Promise.all(
            Array.from({ length: WRITERS }, (_, i) =>
              graphs[i % 2]!.upsertPartnerId(ID, `partner-${i}`, `uid-${i}`, i + 1),
            ),
          );
          const entry = await graphs[0]!.get(ID);
          for (let i = 0; i < WRITERS; i++) {
            same(entry?.ids[`partner-${i}`], { uid: `uid-${i}`, synced: i + 1 }, `the id of partner ${i}`);
          }
        } finally {
          if (second !== store) await second.close();
          await dispose();
        }
      },
    },
    {
      name: "a withdrawal among many writers holds, for any order of writes",
      async run() {
        const { store, dispose } = await harness.open();
        const graph = createGraph(store, clock, random);
        try {
          await Promise.all([
            graph.createOrRevive(ID, minimalEntry(1_800_000_000)),
            ...Array.from({ length: 50 }, (_, i) => graph.upsertPartnerId(ID, `before-${i}`, "uid", 1)),
            graph.tombstone(ID, () => true),
            ...Array.from({ length: 50 }, (_, i) => graph.upsertPartnerId(ID, `after-${i}`, "uid", 1)),
          ]);
          const entry = await graph.get(ID);
          ok(entry !== null && !entry.consent.ok, "a tombstone stands");
          same(entry.ids, {}, "its ids");
          same(await graph.metadata(ID), { ok: false, country: null, v: 1 }, "its metadata");
        } finally {
          await dispose();
        }
      },
    },
    {
      name: "a deletion among many writers of two instances holds, for any order of writes",
      async run() {
        const { store, again, dispose } = await harness.open();
        const second = again === undefined ? store : await again();
        const graphs = [createGraph(store, clock, random), createGraph(second, clock, random)] as const;
        const [graph, other] = graphs;
        const fresh = () => minimalEntry(1_800_000_000);
        try {
          await graph.createOrRevive(ID, fresh());
          await Promise.all([
            ...Array.from({ length: 40 }, (_, i) =>
              graphs[i % 2]!.upsertPartnerId(ID, `before-${i}`, "uid", 1),
            ),
            graph.delete(ID),
            ...Array.from({ length: 40 }, (_, i) =>
              graphs[i % 2]!.upsertPartnerId(ID, `after-${i}`, "uid", 1),
            ),
            other.createOrRevive(ID, fresh()),
          ]);
          await Promise.all([
            graph.createOrRevive(ID, { ...fresh(), created: 1_800_000_100 }),
            other.upsertPartnerIds(ID, [{ partner: "late", uid: "uid", synced: 2_000_000_000 }]),
            graph.updateLastSeen(ID, 1_800_001_000_000, {}),
            other.tombstone(ID, () => true),
          ]);
          for (const each of graphs) {
            same(await each.get(ID), null, "the entry");
            same(await each.metadata(ID), null, "its metadata");
            same(
              await each.upsertKnown(ID, [{ partner: "later", uid: "uid", synced: 1 }]),
              ["deleted"],
              "a write",
            );
          }
          ok(!(await store.get(keyOf(ID)))!.value.includes("uid"), "no partner's id is left");
        } finally {
          if (second !== store) await second.close();
          await dispose();
        }
      },
    },
  ];
}
