import type { Json } from "../../runtime/platform.ts";
import { ok, same } from "./case.ts";
import { type AddCase, allKeys, keptOrRefused, put, type StoreHarness } from "./store-harness.ts";

/** Adds the cases about what it stores. */
export function valuesCases(promise: AddCase, harness: StoreHarness): void {
  const { traits } = harness;
  promise("returns its traits", async ({ store, again }) => {
    same(store.traits, traits, "traits");
    same(
      again !== undefined,
      traits.durable || traits.shared,
      "a durable or shared store can be opened again",
    );
  });

  promise("returns what was put", async ({ store }) => {
    same(await store.get("absent"), null, "an absent key");
    const version = await put(store, "key", "value", { metadata: { ok: true, country: "DE", v: 1 } });
    const entry = { value: "value", metadata: { ok: true, country: "DE", v: 1 }, version };
    same(await store.get("key"), entry, "the entry");
    same(await store.get("ke"), null, "a part of the key");
    same(await store.get("key2"), null, "a longer key");
  });

  promise("replaces value and metadata together", async ({ store }) => {
    await put(store, "key", "one", { metadata: { n: 1 } });
    await put(store, "key", "two");
    const entry = await store.get("key");
    same([entry?.value, entry?.metadata], ["two", null], "the entry; metadata left out is null");
  });

  promise("keeps every kind of metadata", async ({ store }) => {
    const kinds: Json[] = [
      null,
      true,
      false,
      0,
      -1.5,
      "",
      'a "quoted" text',
      [],
      [1, [2]],
      {},
      { a: { b: null } },
    ];
    for (const metadata of kinds) {
      await put(store, "key", "value", { metadata });
      same((await store.get("key"))?.metadata, metadata, "metadata by get");
      same((await store.list("key")).entries[0]?.metadata, metadata, "metadata by list");
    }
  });

  promise("keeps its own copy of metadata", async ({ store }) => {
    const metadata = { list: [1] };
    await put(store, "key", "value", { metadata });
    metadata.list.push(2);
    const first = (await store.get("key"))?.metadata as { list: number[] };
    same(first, { list: [1] }, "after the writer changed its object");
    first.list.push(3);
    same((await store.get("key"))?.metadata, { list: [1] }, "after a reader changed its object");
  });

  promise("keeps values of every size", async ({ store }) => {
    const biggest = Math.min(harness.maxValueBytes ?? Number.POSITIVE_INFINITY, 1024 * 1024);
    for (const size of [0, 1, 127, 4096, biggest]) {
      const value = "abcdefghijklmnopqrstuvw".repeat(Math.ceil(size / 23)).slice(0, size);
      await put(store, "key", value);
      ok((await store.get("key"))?.value === value, `a value of ${size} bytes comes back whole`);
    }
    const wide = "é😀".repeat(Math.floor(biggest / 6));
    await put(store, "key", wide);
    ok((await store.get("key"))?.value === wide, "a big value beyond ASCII comes back whole");
  });

  promise("distinguishes unusual keys", async ({ store }) => {
    const keys = [
      ...[
        "a",
        "A",
        "a ",
        " a",
        "a/b",
        "a:b",
        "a.b",
        "a\\b",
        "a'b",
        'a"b',
        "a`b",
        "a;b--",
        "a%",
        "a_",
        "a*",
        "a?",
        "a[b]",
      ],
      ...[
        "a{b}",
        "a\nb",
        "a\tb",
        "a\u007f",
        "ä",
        "a\u0308",
        "ß",
        "😀",
        "日本",
        "\u2028",
        "\ufeffa",
        "\uffff",
        "NULL",
        "0",
        "00",
      ],
      ...["1e0", "1", "__proto__", "constructor", "k".repeat(400)],
    ];
    await Promise.all(keys.map((key) => put(store, key, `value of ${key}`)));
    for (const key of keys) {
      same((await store.get(key))?.value, `value of ${key}`, `the value of ${JSON.stringify(key)}`);
    }
    same((await allKeys(store, "")).toSorted(), keys.toSorted(), "the keys");
  });

  promise("keeps unusual text or refuses it, and never alters it", async ({ store }) => {
    for (const odd of ["\0", "a\0b", "\ud800", "a\udfffb", "\udc00\ud800"]) {
      await keptOrRefused(odd, store.put("key", odd), async () => (await store.get("key"))?.value === odd);
      await keptOrRefused(odd, store.put(odd, "v"), async () => (await store.get(odd))?.value === "v");
      await keptOrRefused(odd, store.put("key", "v", { metadata: odd }), async () => {
        return (await store.get("key"))?.metadata === odd;
      });
    }
    same((await store.get("a"))?.value, undefined, "a key that is the beginning of an odd one");
  });

  promise("delete removes the key, present or absent", async ({ store }) => {
    await store.delete("absent");
    await put(store, "key", "value");
    await put(store, "key2", "other");
    await store.delete("key");
    same(await store.get("key"), null, "the deleted entry");
    same(await allKeys(store, ""), ["key2"], "what is listed");
    await store.delete("key");
  });
}
