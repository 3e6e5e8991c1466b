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

describe("the store suite finds the fault of a store", () => {
  const suite = (broken: (store: Store, clock: ManualClock) => Partial<Store>) =>
    storeContract({
      traits: { name: "memory", readAfterWrite: true, durable: false, shared: false },
      open() {
        const clock = manualClock();
        const store = memoryStore({ clock });
        return { store: { ...store, ...broken(store, clock) }, advance: clock.advance, dispose() {} };
      },
      writers: 40,
    });

  test("that is sound: no fault", async () => {
    expect(await faults(suite(() => ({})))).toEqual([]);
  });

  test("that waits between compare and swap", async () => {
    const found = await faults(
      suite((store) => ({
        async put(key, value, { ifVersion, ...options } = {}) {
          const version = (await store.get(key))?.version ?? null;
          if (ifVersion !== undefined && ifVersion !== version) return { ok: false };
          return store.put(key, value, options);
        },
      })),
    );
    expect(found).toContain("exactly one of several racing creators wins");
    expect(found).toContain("no write of 40 retrying writers to one key is lost");
  });

  test("that counts versions per key and loses the count", async () => {
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
    expect(found).toContain("every write returns another version");
    expect(found).toContain("put with ifVersion conflicts if the entry was deleted and created again");
  });

  test("whose entries expire a millisecond late or early", async () => {
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
      expect(found).toContain("an entry is absent from its expiry on, and present before");
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
    expect(found).toContain("treats a prefix as literal text");
    expect(found).toContain("lists in pages, each key once");
  });

  test("whose cursor is a page number", async () => {
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
    expect(found).toEqual(["continues a listing while keys are written and deleted"]);
  });

  test("that cuts text at its first NUL", async () => {
    const cut = (text: string) => text.split("\0")[0]!;
    const found = await faults(
      suite((store) => ({ put: (key, value, o) => store.put(cut(key), cut(value), o) })),
    );
    expect(found).toEqual(["keeps unusual text or refuses it, and never alters it"]);
  });
});

describe("the limiter suite finds the fault of a limiter", () => {
  const suite = (limiter: (clock: ManualClock) => RateLimiter) =>
    limiterContract({
      clockCanBeSetBack: false,
      open() {
        const clock = manualClock();
        return { limiter: limiter(clock), advance: clock.advance, dispose() {} };
      },
    });

  /** The times of all admitted takes, by key; correct except for what `twist` changes. */
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

  test("that is sound: no fault", async () => {
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
    expect(found).toContain("admits no more than the limit across a boundary of fixed windows");
    for (const limit of [1, 3, 30, 64, 65, 100, 700]) {
      expect(found).toContain(`never admits more than ${limit} in any window, and refuses only if necessary`);
    }
  });

  test("that waits between reading and counting", async () => {
    expect(await faults(suite(log({ waits: true })))).toEqual(["admits exactly the limit of racing takes"]);
  });

  test("that counts refused takes", async () => {
    expect(await faults(suite(log({ countsRefused: true })))).toContain("refused takes do not count");
  });

  test("whose window is a millisecond too long or too short", async () => {
    for (const spareMs of [-1, 1]) {
      const found = await faults(suite(log({ spareMs })));
      expect(found).toContain("each take leaves the window at its own time");
      expect(found).toContain("admits no more than the limit across a boundary of fixed windows");
    }
  });
});
