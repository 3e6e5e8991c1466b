import { ok, same } from "./case.ts";
import { type AddCase, allKeys, allPages, put, SECOND_MS } from "./store-harness.ts";

/** Adds the cases about listings. */
export function listingCases(promise: AddCase): void {
  promise("lists by prefix, in order, with metadata", async ({ store }) => {
    for (const n of [3, 1, 2]) await put(store, `p/${n}`, "value", { metadata: { n } });
    for (const key of ["p", "p.", "p0", "q/1", "o/1", "P/1"]) await put(store, key, "value");
    same(
      await store.list("p/"),
      {
        entries: [1, 2, 3].map((n) => ({ key: `p/${n}`, metadata: { n } })),
        cursor: null,
      },
      "the page",
    );
    same(await store.list("nothing"), { entries: [], cursor: null }, "a page without entries");
    same((await allKeys(store, "")).length, 9, "how many keys the empty prefix has");
  });

  promise("lists in pages, each key once", async ({ store }) => {
    const keys = Array.from({ length: 105 }, (_, n) => `key${String(n).padStart(3, "0")}`);
    await Promise.all(keys.toReversed().map((key) => put(store, key, "value")));
    await put(store, "other", "value");
    for (const limit of [1, 7, 52, 104, 105, 106]) {
      const pages = await allPages(store, "key", limit);
      same(pages.flat(), keys, `all keys by pages of ${limit}`);
      ok(pages.length <= Math.ceil(105 / limit) + 1, `no more pages of ${limit} than it takes`);
    }
  });

  promise("lists 1000 keys per page by default", async ({ store }) => {
    await Promise.all(Array.from({ length: 1100 }, (_, n) => put(store, `key${n}`, "value")));
    const first = await store.list("key");
    same(first.entries.length, 1000, "how many the first page has");
    const rest = await allPages(store, "key", undefined, first.cursor);
    same(rest.flat().length, 100, "how many come after it");
  });

  promise("continues a listing while keys are written and deleted", async ({ store, advance }) => {
    for (let n = 0; n < 30; n++) await put(store, `key${10 + n}`, "value", n % 3 ? {} : { ttlSeconds: 2 });
    const first = await store.list("key", { limit: 10 });
    ok(first.cursor !== null, "there is more");
    await store.delete(first.entries[9]!.key);
    await store.delete("key20");
    await store.delete("key21");
    await put(store, "key25", "new");
    await advance(2 * SECOND_MS);
    const rest = (await allPages(store, "key", 10, first.cursor)).flat();
    const expected = [23, 24, 25, 26, 27, 29, 30, 32, 33, 35, 36, 38, 39].map((n) => `key${n}`);
    same(rest, expected, "the keys after the first page that still live");
  });

  promise("treats a prefix as literal text", async ({ store }) => {
    const keys = [
      "a%b",
      "a%c",
      "axb",
      "a_b",
      "a*b",
      "a[b]",
      "a\\b",
      "é1",
      "é2",
      "e\u03011",
      "😀1",
      "😁1",
      "\uffff1",
      "日本/1",
    ];
    for (const key of keys) await put(store, key, "value");
    const expected: Record<string, string[]> = {
      "a%": ["a%b", "a%c"],
      a_: ["a_b"],
      "a*": ["a*b"],
      "a[": ["a[b]"],
      "a\\": ["a\\b"],
      é: ["é1", "é2"],
      "😀": ["😀1"],
      "\uffff": ["\uffff1"],
      日本: ["日本/1"],
      "%": [],
      _: [],
    };
    for (const [prefix, found] of Object.entries(expected)) {
      same(await allKeys(store, prefix), found, `the keys that begin with ${JSON.stringify(prefix)}`);
    }
  });
}
