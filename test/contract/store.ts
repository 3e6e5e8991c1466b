/**
 * What every {@link Store} promises. An adapter is a file, plus a call of this.
 * @module
 */
import type { Json, Store, StoreTraits } from "../../runtime/platform.ts";
import { type ContractCase, ok, rejection, same } from "./case.ts";

/** A store with nothing in it, and the world around it. */
export interface StoreUnderTest {
  store: Store;
  /** Lets time pass, as the store sees it. */
  advance(ms: number): void | Promise<void>;
  /** Opens one more instance on the same data. Only for stores that are durable or shared. */
  again?(): Store | Promise<Store>;
  /** Ends and removes everything; the store may be closed by then. */
  dispose(): void | Promise<void>;
}

/** How to get at a store, and what may be asked of it. */
export interface StoreHarness {
  /** The traits of the store; promises that it does not make are not tested. */
  traits: StoreTraits;
  /** The longest value that it must take, in bytes; 1 MiB if left out. */
  maxValueBytes?: number;
  open(): StoreUnderTest | Promise<StoreUnderTest>;
}

const SECOND_MS = 1000;
const WRITERS = 300;

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

  promise("says what it can promise", async ({ store, again }) => {
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

  promise("tells odd keys apart", async ({ store }) => {
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

  promise("keeps odd text or refuses it, and never alters it", async ({ store }) => {
    for (const odd of ["\0", "a\0b", "\ud800", "a\udfffb", "\udc00\ud800"]) {
      await keptOrRefused(odd, store.put("key", odd), async () => (await store.get("key"))?.value === odd);
      await keptOrRefused(odd, store.put(odd, "v"), async () => (await store.get(odd))?.value === "v");
      await keptOrRefused(odd, store.put("key", "v", { metadata: odd }), async () => {
        return (await store.get("key"))?.metadata === odd;
      });
    }
    same((await store.get("a"))?.value, undefined, "a key that is the beginning of an odd one");
  });

  promise("deletes", async ({ store }) => {
    await store.delete("absent");
    await put(store, "key", "value");
    await put(store, "key2", "other");
    await store.delete("key");
    same(await store.get("key"), null, "the deleted entry");
    same(await allKeys(store, ""), ["key2"], "what is listed");
    await store.delete("key");
  });

  promise("gives every write another version", async ({ store }) => {
    const versions = [
      await put(store, "key", "same"),
      await put(store, "key", "same"),
      await put(store, "key", "same", { ttlSeconds: 60 }),
    ];
    await store.delete("key");
    versions.push(await put(store, "key", "same", { ifVersion: null }));
    same(new Set(versions).size, 4, "how many different versions four writes have");
    same((await store.get("key"))?.version, versions[3], "the version that get tells");
  });

  promise("with ifVersion writes only over that version", async ({ store }) => {
    const first = await put(store, "key", "one");
    const second = await put(store, "key", "two", { ifVersion: first, metadata: 2 });
    same(
      await store.put("key", "three", { ifVersion: first, metadata: 3 }),
      { ok: false },
      "an outdated version",
    );
    same(
      await store.get("key"),
      { value: "two", metadata: 2, version: second },
      "the entry after a conflict",
    );
    for (const version of [
      "",
      "0",
      "-1",
      "no version",
      `${second}0`,
      `0${second}x`,
      "9".repeat(40),
      "null",
    ]) {
      same(await store.put("key", "x", { ifVersion: version }), { ok: false }, `the version "${version}"`);
      same(
        await store.put("absent", "x", { ifVersion: version }),
        { ok: false },
        `"${version}" on an absent key`,
      );
    }
    same(await store.get("absent"), null, "a key with no entry after conflicts");
  });

  promise("with ifVersion null writes only where there is nothing", async ({ store }) => {
    const first = await put(store, "key", "one", { ifVersion: null });
    same(await store.put("key", "two", { ifVersion: null }), { ok: false }, "over an entry");
    same(
      await store.get("key"),
      { value: "one", metadata: null, version: first },
      "the entry after a conflict",
    );
    await store.delete("key");
    await put(store, "key", "three", { ifVersion: null });
  });

  promise("is not fooled by an entry that was deleted and made anew", async ({ store, advance }) => {
    const deleted = await put(store, "key", "value");
    await store.delete("key");
    same(
      await store.put("key", "x", { ifVersion: deleted }),
      { ok: false },
      "the version of a deleted entry",
    );
    const expired = await put(store, "key", "value", { ttlSeconds: 2 });
    same(
      await store.put("key", "x", { ifVersion: deleted }),
      { ok: false },
      "a deleted entry's version, made anew",
    );
    await advance(2 * SECOND_MS);
    same(
      await store.put("key", "x", { ifVersion: expired }),
      { ok: false },
      "the version of an expired entry",
    );
    await put(store, "key", "value", { ifVersion: null });
    for (const version of [deleted, expired]) {
      same(
        await store.put("key", "x", { ifVersion: version }),
        { ok: false },
        "a version of an earlier life",
      );
    }
  });

  promise("lets exactly one of racing creators win", async ({ store, again }) => {
    const other = (await again?.()) ?? store;
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? other : store).put("key", `${n}`, { ifVersion: null })),
    );
    const winners = results.flatMap((result, n) => (result.ok ? [{ n, version: result.version }] : []));
    same(winners.length, 1, "how many creators won");
    const entry = await store.get("key");
    same(
      [entry?.value, entry?.version],
      [`${winners[0]?.n}`, winners[0]?.version],
      "the entry is the winner's",
    );
    if (other !== store) await other.close();
  });

  promise(`loses nothing of ${WRITERS} writers who retry on one key`, async ({ store, again }) => {
    const other = (await again?.()) ?? store;
    await Promise.all(
      Array.from({ length: WRITERS }, async (_, n) => {
        const mine = n % 2 ? other : store;
        // Of concurrent writers, one wins, so no writer conflicts more often than there are writers.
        for (let attempt = 1; attempt <= WRITERS; attempt++) if (await addMember(mine, "key", n)) return;
        throw new Error(`writer ${n} lost ${WRITERS} races`);
      }),
    );
    const members = JSON.parse((await store.get("key"))!.value) as number[];
    same(
      members.toSorted((a, b) => a - b),
      Array.from({ length: WRITERS }, (_, n) => n),
      "the members",
    );
    if (other !== store) await other.close();
  });

  promise("keeps apart what is written at once to many keys", async ({ store }) => {
    const numbers = Array.from({ length: 1500 }, (_, n) => n);
    const versions = await Promise.all(numbers.map((n) => put(store, `key${n}`, `${n}`, { metadata: n })));
    const entries = await Promise.all(numbers.map((n) => store.get(`key${n}`)));
    for (const n of numbers) {
      same(entries[n], { value: `${n}`, metadata: n, version: versions[n] }, `entry ${n}`);
    }
  });

  promise("forgets an entry at the end of its time, not before", async ({ store, advance }) => {
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

  promise("takes an expired entry for absent in a compare-and-swap", async ({ store, advance }) => {
    await put(store, "key", "one", { ttlSeconds: 2 });
    same(await store.put("key", "two", { ifVersion: null }), { ok: false }, "a creation before the end");
    await advance(2 * SECOND_MS);
    await put(store, "key", "three", { ifVersion: null });
    same((await store.get("key"))?.value, "three", "the entry made anew");
    await advance(1000 * SECOND_MS);
    same((await store.get("key"))?.value, "three", "the new entry did not inherit the old one's end");
  });

  promise("gives an entry the time of its last put", async ({ store, advance }) => {
    const first = await put(store, "longer", "value", { ttlSeconds: 2 });
    await put(store, "unlimited", "value", { ttlSeconds: 2 });
    await put(store, "shorter", "value");
    await put(store, "longer", "value", { ttlSeconds: 60, ifVersion: first });
    await put(store, "unlimited", "value");
    await put(store, "shorter", "value", { ttlSeconds: 2 });
    await advance(2 * SECOND_MS);
    same(await allKeys(store, ""), ["longer", "unlimited"], "the keys");
  });

  promise("refuses a lifetime that is no amount of time", async ({ store }) => {
    for (const ttlSeconds of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = await rejection(store.put("key", "value", { ttlSeconds }), `ttlSeconds ${ttlSeconds}`);
      ok(error instanceof RangeError, "the error is a RangeError");
      ok(error.message.includes(String(ttlSeconds)), `the error names the value: ${error.message}`);
    }
    same(await store.get("key"), null, "the entry after refusals");
  });

  promise("drops expired entries as it goes and no living one", async ({ store, advance }) => {
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

  promise("lists a thousand a page unless told otherwise", async ({ store }) => {
    await Promise.all(Array.from({ length: 1100 }, (_, n) => put(store, `key${n}`, "value")));
    const first = await store.list("key");
    same(first.entries.length, 1000, "how many the first page has");
    const rest = await allPages(store, "key", undefined, first.cursor);
    same(rest.flat().length, 100, "how many come after it");
  });

  promise("pages on through writes and deletions", async ({ store, advance }) => {
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

  promise("takes a prefix for what it is", async ({ store }) => {
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

  if (traits.durable) {
    promise("keeps everything over a restart", async ({ store, again, advance }) => {
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

    promise("never uses a version twice, whoever writes", async ({ store, again }) => {
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

  promise("rejects after close, which may be repeated", async ({ store }) => {
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

/** Puts, and returns the new version. @throws {Error} on a conflict. */
async function put(
  store: Store,
  key: string,
  value: string,
  options?: Parameters<Store["put"]>[2],
): Promise<string> {
  const result = await store.put(key, value, options);
  ok(result.ok, `a put of ${JSON.stringify(key.slice(0, 20))} succeeds`);
  ok(typeof result.version === "string" && result.version !== "", "a put returns a version");
  return result.version;
}

async function keptOrRefused(
  odd: string,
  write: Promise<unknown>,
  isKept: () => Promise<boolean>,
): Promise<void> {
  const what = `the text ${JSON.stringify(odd)}`;
  const refusal = await write.then(
    () => null,
    (error: unknown) => error,
  );
  if (refusal === null) ok(await isKept(), `${what} comes back as it was put`);
  else ok(refusal instanceof TypeError, `${what} is refused with a TypeError, not with ${refusal}`);
}

/** One attempt to add `member` to the JSON array under `key`; false if another writer came first. */
async function addMember(store: Store, key: string, member: number): Promise<boolean> {
  const entry = await store.get(key);
  const members = entry === null ? [] : (JSON.parse(entry.value) as number[]);
  const value = JSON.stringify([...members, member]);
  return (await store.put(key, value, { ifVersion: entry === null ? null : entry.version })).ok;
}

/** The keys of each page, to the end. */
async function allPages(
  store: Store,
  prefix: string,
  limit?: number,
  from: string | null = null,
): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor = from;
  do {
    const page = await store.list(prefix, { ...(limit === undefined ? {} : { limit }), cursor });
    ok(page.entries.length <= (limit ?? 1000), "a page has no more entries than asked for");
    pages.push(page.entries.map(({ key }) => key));
    cursor = page.cursor;
    ok(pages.length < 2000, "the pages come to an end");
  } while (cursor !== null);
  return pages;
}

async function allKeys(store: Store, prefix: string): Promise<string[]> {
  return (await allPages(store, prefix)).flat();
}
