import { ok, rejection, same } from "./case.ts";
import { type AddCase, allKeys, put, SECOND_MS } from "./store-harness.ts";

/** Adds the cases about the expiry of entries. */
export function expiryCases(promise: AddCase): void {
  promise("an entry is absent from its expiry on, and present before", async ({ store, advance }) => {
    await put(store, "short", "value", { ttlSeconds: 2 });
    await put(store, "long", "value", { ttlSeconds: 3600 });
    await put(store, "forever", "value");
    await advance(2 * SECOND_MS - 1);
    same((await store.get("short"))?.value, "value", "the entry just before its end");
    same(await allKeys(store, ""), ["forever", "long", "short"], "the keys just before the end");
    await advance(1);
    same(await store.get("short"), null, "the entry at its end");
    same(await allKeys(store, ""), ["forever", "long"], "the keys at the end");
    same((await store.get("long"))?.value, "value", "an entry with more time");
    await advance(1000 * 3600 * SECOND_MS);
    same(await allKeys(store, ""), ["forever"], "the keys a long time later");
  });

  promise("compare-and-swap treats an expired entry as absent", async ({ store, advance }) => {
    await put(store, "key", "one", { ttlSeconds: 2 });
    same(await store.put("key", "two", { ifVersion: null }), { ok: false }, "a creation before the end");
    await advance(2 * SECOND_MS);
    await put(store, "key", "three", { ifVersion: null });
    same((await store.get("key"))?.value, "three", "the entry made anew");
    await advance(1000 * SECOND_MS);
    same((await store.get("key"))?.value, "three", "the new entry did not inherit the old one's end");
  });

  promise("the last put decides the expiry of an entry", async ({ store, advance }) => {
    const first = await put(store, "longer", "value", { ttlSeconds: 2 });
    await put(store, "unlimited", "value", { ttlSeconds: 2 });
    await put(store, "shorter", "value");
    await put(store, "longer", "value", { ttlSeconds: 60, ifVersion: first });
    await put(store, "unlimited", "value");
    await put(store, "shorter", "value", { ttlSeconds: 2 });
    await advance(2 * SECOND_MS);
    same(await allKeys(store, ""), ["longer", "unlimited"], "the keys");
  });

  promise("refuses a ttlSeconds that is not a finite number", async ({ store }) => {
    for (const ttlSeconds of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = await rejection(store.put("key", "value", { ttlSeconds }), `ttlSeconds ${ttlSeconds}`);
      ok(error instanceof RangeError, "the error is a RangeError");
      ok(error.message.includes(String(ttlSeconds)), `the error names the value: ${error.message}`);
    }
    same(await store.get("key"), null, "the entry after refusals");
  });

  promise("removes expired entries over time, and no live entry", async ({ store, advance }) => {
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        Array.from({ length: 200 }, (_, n) => put(store, `dying/${round}/${n}`, "value", { ttlSeconds: 60 })),
      );
      await put(store, `living/${round}`, "value");
      await advance(30 * SECOND_MS);
    }
    same((await allKeys(store, "dying/")).length, 200, "how many of the dying have time left");
    same(
      await allKeys(store, "living/"),
      [0, 1, 2, 3, 4, 5].map((round) => `living/${round}`),
      "the living",
    );
    same(await store.get("dying/0/0"), null, "a dead one");
    await put(store, "dying/0/0", "value", { ifVersion: null });
  });
}
