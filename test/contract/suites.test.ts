import { describe, expect, test } from "vitest";
import type { RateLimiter, Store } from "../../runtime/platform.ts";
import { memoryStore } from "../../runtime/stores/memory.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { type ContractCase, runCases } from "./case.ts";
import { limiterContract } from "./limiter.ts";
import { storeContract } from "./store.ts";

/** The names of the cases that find a fault. */
async function faults(cases: ContractCase[]): Promise<string[]> {
  return (await runCases(cases)).filter(({ fault }) => fault !== null).map(({ name }) => name);
}

describe("the store suite detects a store", () => {
  const suite = (broken: (store: Store, clock: ManualClock) => Partial<Store>) =>
    storeContract({
      traits: { name: "memory", readAfterWrite: true, durable: false, shared: false },
      open() {
        const clock = manualClock();
        const store = memoryStore({ clock });
        return { store: { ...store, ...broken(store, clock) }, advance: clock.advance, dispose() {} };
      },
    });

  test("without faults, and accepts it", async () => {
    expect(await faults(suite(() => ({})))).toEqual([]);
  });

  test("that compares, waits and then swaps", async () => {
    const found = await faults(
      suite((store) => ({
        async put(key, value, { ifVersion, ...options } = {}) {
          const version = (await store.get(key))?.version ?? null;
          if (ifVersion !== undefined && ifVersion !== version) return { ok: false };
          return store.put(key, value, options);
        },
      })),
    );
    expect(found).toContain("lets exactly one of racing creators win");
    expect(found).toContain("loses nothing of 300 writers who retry on one key");
  });

  test("that counts versions for each key and forgets the count", async () => {
    const found = await faults(
      suite((store) => {
        const counts = new Map<string, number>();
        return {
          async get(key) {
            const entry = await store.get(key);
            return entry && { ...entry, version: String(counts.get(key)) };
          },
          async put(key, value, { ifVersion, ...options } = {}) {
            const entry = await store.get(key);
            if (entry === null) counts.delete(key);
            const current = entry === null ? null : String(counts.get(key));
            if (ifVersion !== undefined && ifVersion !== current) return { ok: false };
            counts.set(key, (counts.get(key) ?? 0) + 1);
            await store.put(key, value, options);
            return { ok: true, version: String(counts.get(key)) };
          },
        };
      }),
    );
    expect(found).toContain("gives every write another version");
    expect(found).toContain("is not fooled by an entry that was deleted and made anew");
  });

  test("whose entries live a millisecond too long or too short", async () => {
    for (const late of [-0.001, 0.001]) {
      const found = await faults(
        suite((store) => ({
          put: (key, value, options = {}) =>
            store.put(
              key,
              value,
              options.ttlSeconds === undefined
                ? options
                : { ...options, ttlSeconds: options.ttlSeconds + late },
            ),
        })),
      );
      expect(found).toContain("forgets an entry at the end of its time, not before");
    }
  });

  test("that matches prefixes like SQL's LIKE", async () => {
    const found = await faults(
      suite((store) => ({
        async list(prefix, options) {
          const { entries } = await store.list("", { ...options, limit: 100_000 });
          const source = prefix
            .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
            .replaceAll("%", ".*")
            .replaceAll("_", ".");
          const pattern = new RegExp(`^${source}`, "s");
          return { entries: entries.filter(({ key }) => pattern.test(key)), cursor: null };
        },
      })),
    );
    expect(found).toContain("takes a prefix for what it is");
    expect(found).toContain("lists in pages, each key once");
  });

  test("whose pages are counted, not marked", async () => {
    const found = await faults(
      suite((store) => ({
        async list(prefix, { limit = 1000, cursor } = {}) {
          const { entries } = await store.list(prefix, { limit: 100_000 });
          const from = Number(cursor ?? 0);
          const more = from + limit < entries.length;
          return { entries: entries.slice(from, from + limit), cursor: more ? String(from + limit) : null };
        },
      })),
    );
    expect(found).toEqual(["pages on through writes and deletions"]);
  });

  test("that cuts text at its first NUL", async () => {
    const cut = (text: string) => text.split("\0")[0]!;
    const found = await faults(
      suite((store) => ({ put: (key, value, o) => store.put(cut(key), cut(value), o) })),
    );
    expect(found).toEqual(["keeps odd text or refuses it, and never alters it"]);
  });
});

describe("the limiter suite detects a limiter", () => {
  const suite = (limiter: (clock: ManualClock) => RateLimiter) =>
    limiterContract({
      clockCanBeSetBack: false,
      open() {
        const clock = manualClock();
        return { limiter: limiter(clock), advance: clock.advance, dispose() {} };
      },
    });

  /** The time of each admitted take, by key; exact except for `twist`. */
  const log =
    (twist: { countsRefused?: boolean; waits?: boolean; spareMs?: number } = {}) =>
    (clock: ManualClock): RateLimiter => {
      const moments = new Map<string, number[]>();
      return {
        async take(key, { limit, windowMs }) {
          const since = clock.now() - windowMs - (twist.spareMs ?? 0);
          const recent = (moments.get(key) ?? []).filter((at) => at > since);
          if (twist.waits) await null;
          const admitted = recent.length < limit;
          if (admitted || twist.countsRefused) recent.push(clock.now());
          moments.set(key, recent);
          if (admitted) return { admitted, remaining: limit - recent.length, retryAfterMs: 0 };
          return { admitted, remaining: 0, retryAfterMs: Math.max(1, recent.at(-limit)! - since) };
        },
      };
    };

  test("without faults, and accepts it", async () => {
    expect(await faults(suite(log()))).toEqual([]);
  });

  test("that counts in fixed windows", async () => {
    const found = await faults(
      suite((clock) => {
        const counts = new Map<string, number>();
        return {
          take(key, { limit, windowMs }) {
            const slot = `${Math.floor(clock.now() / windowMs)} ${key}`;
            const count = (counts.get(slot) ?? 0) + 1;
            counts.set(slot, count);
            if (count <= limit) return { admitted: true, remaining: limit - count, retryAfterMs: 0 };
            return { admitted: false, remaining: 0, retryAfterMs: windowMs - (clock.now() % windowMs) };
          },
        };
      }),
    );
    expect(found).toContain("admits no more across a boundary of fixed windows");
    for (const limit of [1, 3, 30, 64, 65, 100, 700]) {
      expect(found).toContain(`never exceeds ${limit} in any window, nor refuses without need`);
    }
  });

  test("that reads, waits and then counts", async () => {
    expect(await faults(suite(log({ waits: true })))).toEqual([
      "admits exactly the limit of takes that race",
    ]);
  });

  test("that counts what it refused", async () => {
    expect(await faults(suite(log({ countsRefused: true })))).toContain("counts no refused take");
  });

  test("whose window is a millisecond too long or too short", async () => {
    for (const spareMs of [-1, 1]) {
      const found = await faults(suite(log({ spareMs })));
      expect(found).toContain("lets each take go as it leaves the window");
      expect(found).toContain("admits no more across a boundary of fixed windows");
    }
  });
});
