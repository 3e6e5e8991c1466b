/**
 * The contract of every {@link Store}. A new adapter is one file and a call of this.
 * @module
 */
import { type ContractCase, ok, rejection, same } from "./case.ts";
import { expiryCases } from "./store-expiry.ts";
import { allKeys, put, SECOND_MS, type StoreHarness, type StoreUnderTest } from "./store-harness.ts";
import { listingCases } from "./store-listing.ts";
import { valuesCases } from "./store-values.ts";
import { versionsCases } from "./store-versions.ts";

export type { StoreHarness, StoreUnderTest } from "./store-harness.ts";

/** The suite for one store. */
export function storeContract(harness: StoreHarness): ContractCase[] {
  const cases: ContractCase[] = [];
  const { traits } = harness;

  const promise = (name: string, run: (under: StoreUnderTest) => Promise<void>) => {
    cases.push({
      name,
      async run() {
        const under = await harness.open();
        try {
          await run(under);
        } finally {
          await under.dispose();
        }
      },
    });
  };

  valuesCases(promise, harness);
  versionsCases(promise, harness);
  expiryCases(promise);
  listingCases(promise);

  if (traits.durable) {
    promise("keeps all entries over a restart", async ({ store, again, advance }) => {
      const version = await put(store, "key", "value", { metadata: { n: 1 }, ttlSeconds: 60 });
      await put(store, "gone", "value");
      await store.delete("gone");
      await store.close();
      const reopened = await again!();
      same(await reopened.get("key"), { value: "value", metadata: { n: 1 }, version }, "the entry");
      same(await reopened.get("gone"), null, "a deleted entry");
      ok((await put(reopened, "gone", "value")) !== version, "versions go on");
      await put(reopened, "key", "value", { ifVersion: version, ttlSeconds: 60 });
      await advance(60 * SECOND_MS);
      same(await reopened.get("key"), null, "the entry at its end");
      await reopened.close();
    });
  }

  if (traits.shared) {
    promise("shares entries and versions between instances", async ({ store, again }) => {
      const other = await again!();
      const version = await put(store, "key", "one", { metadata: 1 });
      if (traits.readAfterWrite) {
        same(
          await other.get("key"),
          { value: "one", metadata: 1, version },
          "the entry, read by the other instance",
        );
        same(await allKeys(other, ""), ["key"], "the keys, listed by the other instance");
      }
      await put(other, "key", "two", { ifVersion: version });
      same(await store.put("key", "three", { ifVersion: version }), { ok: false }, "an outdated version");
      await other.close();
      same((await store.get("key"))?.value, "two", "the entry after the other instance was closed");
    });

    promise("no two instances use the same version", async ({ store, again }) => {
      const other = await again!();
      const versions = new Set<string>();
      for (let n = 0; n < 60; n++) {
        versions.add(await put(n % 2 ? store : other, "key", "value"));
        await (n % 3 ? store : other).delete("key");
      }
      same(versions.size, 60, "how many different versions 60 writes have");
      await other.close();
    });
  }

  promise("rejects every operation after close; close may be repeated", async ({ store }) => {
    const written = store.put("key", "value");
    await store.close();
    ok((await written).ok, "a put from before the close is carried out");
    await store.close();
    await rejection((async () => store.get("key"))(), "get");
    await rejection(store.put("key", "value"), "put");
    await rejection(store.delete("key"), "delete");
    await rejection(store.list(""), "list");
  });

  return cases;
}
