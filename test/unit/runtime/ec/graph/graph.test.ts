import { describe, expect, test } from "vitest";
import { type GraphEntry, minimalEntry, newEntry } from "../../../../../runtime/ec/graph/entry.ts";
import { keyOf } from "../../../../../runtime/ec/graph/entry-writer.ts";
import { createGraph, type Graph } from "../../../../../runtime/ec/graph/graph.ts";
import type { Random, Store } from "../../../../../runtime/platform.ts";
import { memoryStore } from "../../../../../runtime/stores/memory.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const ID = `${"a".repeat(64)}.Abc123`;
const random: Random = { fill: (target) => crypto.getRandomValues(target) };
const place = { country: "US", region: "CA" };
const evidence = { tcf: "hash" };

function setUp() {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const nowSeconds = () => Math.floor(clock.now() / 1000);
  return { clock, store, nowSeconds, graph: createGraph(store, clock, random) };
}

const yes = () => true;
const no = () => false;

describe("createOrRevive", () => {
  test("creates an absent entry, with metadata", async () => {
    const { graph, nowSeconds } = setUp();
    const entry = newEntry(place, evidence, nowSeconds());
    await graph.createOrRevive(ID, entry);
    expect(await graph.get(ID)).toEqual({
      v: 1,
      created: nowSeconds(),
      lastSeen: nowSeconds(),
      consent: { tcf: "hash", ok: true, updated: nowSeconds() },
      geo: { country: "US", region: "CA" },
      ids: {},
    });
    expect(await graph.metadata(ID)).toEqual({ ok: true, country: "US", v: 1 });
  });

  test("leaves a live entry alone", async () => {
    const { graph, clock, nowSeconds } = setUp();
    const first = minimalEntry(nowSeconds());
    await graph.createOrRevive(ID, first);
    clock.advance(10_000);
    await graph.createOrRevive(ID, minimalEntry(nowSeconds()));
    expect(await graph.get(ID)).toEqual(first);
  });

  test("replaces an older tombstone, and leaves one that is at least as new", async () => {
    const { graph, clock, nowSeconds } = setUp();
    const before = minimalEntry(nowSeconds());
    await graph.tombstone(ID, yes);
    // The creation that its own withdrawal overtook.
    await graph.createOrRevive(ID, before);
    expect((await graph.get(ID))?.consent.ok).toBe(false);
    clock.advance(1000);
    await graph.createOrRevive(ID, minimalEntry(nowSeconds()));
    expect((await graph.get(ID))?.consent.ok).toBe(true);
  });
});

describe("tombstone", () => {
  test("empties ids, is kept for 24 hours, and is neither extended nor rewritten", async () => {
    const { graph, clock, store } = setUp();
    await graph.upsertPartnerId(ID, "ssp", "u1", 5);
    await graph.tombstone(ID, no);
    const first = await store.get(keyOf(ID));
    expect(JSON.parse(first!.value)).toMatchObject({ consent: { ok: false }, ids: {} });
    clock.advance(23 * 3_600_000);
    await graph.tombstone(ID, yes);
    expect(await store.get(keyOf(ID))).toEqual(first);
    clock.advance(3_600_000 + 1000);
    expect(await graph.get(ID)).toBeNull();
  });

  test("an unknown id gets one only if it may be adopted", async () => {
    const { graph } = setUp();
    await graph.tombstone(ID, no);
    expect(await graph.get(ID)).toBeNull();
    await graph.tombstone(ID, yes);
    expect((await graph.get(ID))?.consent.ok).toBe(false);
  });

  test("wins over a creation that is still under way", async () => {
    const { graph, nowSeconds } = setUp();
    const creation = graph.createOrRevive(ID, minimalEntry(nowSeconds()));
    await Promise.all([creation, graph.tombstone(ID, no)]);
    expect((await graph.get(ID))?.consent.ok).toBe(false);
  });

  test("is not revived by a partner's id", async () => {
    const { graph } = setUp();
    await graph.tombstone(ID, yes);
    expect(await graph.upsertPartnerId(ID, "ssp", "u1", 5)).toBe("tombstoned");
    expect((await graph.get(ID))?.ids).toEqual({});
  });
});

describe("updateLastSeen", () => {
  test("writes only if lastSeen is over 300 s old, and keeps ids", async () => {
    const { graph, clock, store, nowSeconds } = setUp();
    await graph.upsertPartnerId(ID, "ssp", "u1", 5);
    const created = nowSeconds();
    const version = (await store.get(keyOf(ID)))!.version;
    clock.advance(300_000);
    await graph.updateLastSeen(ID, clock.now(), evidence);
    expect((await store.get(keyOf(ID)))!.version).toBe(version);
    clock.advance(1000);
    await graph.updateLastSeen(ID, clock.now(), evidence);
    expect(await graph.get(ID)).toMatchObject({
      created,
      lastSeen: created + 301,
      ids: { ssp: { uid: "u1", synced: 5 } },
    });
  });

  test("creates nothing and revives nothing", async () => {
    const { graph, clock } = setUp();
    await graph.updateLastSeen(ID, clock.now(), evidence);
    expect(await graph.get(ID)).toBeNull();
  });
});

describe("upsertPartnerId", () => {
  test("skips an id that is not newer", async () => {
    const { graph } = setUp();
    expect(await graph.upsertPartnerId(ID, "ssp", "new", 10)).toBe("written");
    expect(await graph.upsertPartnerId(ID, "ssp", "same age", 10)).toBe("fresh");
    expect(await graph.upsertPartnerId(ID, "ssp", "older", 9)).toBe("fresh");
    expect(await graph.upsertPartnerId(ID, "ssp", "newer", 11)).toBe("written");
    expect((await graph.get(ID))?.ids).toEqual({ ssp: { uid: "newer", synced: 11 } });
  });

  test("accepts a partner whose id is a property of every object", async () => {
    const { graph } = setUp();
    await graph.upsertPartnerId(ID, "__proto__", "u1", 1);
    await graph.upsertPartnerId(ID, "constructor", "u2", 1);
    expect(Object.keys((await graph.get(ID))!.ids).sort()).toEqual(["__proto__", "constructor"]);
  });

  test("300 writers at once through several graphs on one store lose nothing", async () => {
    const clock = { now: Date.now, after: realAfter };
    const store = memoryStore({ clock });
    const graphs = Array.from({ length: 4 }, () => createGraph(slow(store), clock, random));
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        graphs[i % 4]!.upsertPartnerId(ID, `partner-${i}`, `u${i}`, i + 1),
      ),
    );
    const { ids } = (await graphs[0]!.get(ID)) as GraphEntry;
    expect(Object.keys(ids)).toHaveLength(300);
    for (let i = 0; i < 300; i++) expect(ids[`partner-${i}`]).toEqual({ uid: `u${i}`, synced: i + 1 });
  });

  test("rejects with ContentionError after 8 lost races", async () => {
    const { clock, store } = setUp();
    let puts = 0;
    const contested: Store = {
      ...store,
      put: async () => {
        puts++;
        return { ok: false };
      },
    };
    const graph: Graph = createGraph(contested, clock, random);
    const write = graph.upsertPartnerId(ID, "ssp", "u1", 1);
    const outcome = expect(write).rejects.toThrow(/9 times in a row/);
    for (let i = 0; i < 20; i++) await clock.settle(5000);
    await outcome;
    expect(puts).toBe(9);
  });
});

test("delete removes the entry, also while a write is under way", async () => {
  const { graph } = setUp();
  const write = graph.upsertPartnerId(ID, "ssp", "u1", 1);
  await graph.delete(ID);
  await write;
  expect(await graph.get(ID)).toBeNull();
});

test("an entry of another version is not overwritten", async () => {
  const { graph, store } = setUp();
  await store.put(keyOf(ID), '{"v":2}');
  await expect(graph.upsertPartnerId(ID, "ssp", "u1", 1)).rejects.toThrow(/version 2, expected 1/);
  expect((await store.get(keyOf(ID)))?.value).toBe('{"v":2}');
});

const realAfter = (ms: number, callback: () => void) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

/** A store whose reads take a turn, so that writers really overlap. */
function slow(store: Store): Store {
  return {
    ...store,
    get: async (key) => {
      await new Promise((resolve) => setImmediate(resolve));
      return store.get(key);
    },
  };
}
