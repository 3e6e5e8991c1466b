import { describe, expect, test } from "vitest";
import type { Clock } from "../../../../runtime/platform.ts";
import { fastlyKvStore } from "../../../../runtime/stores/fastly-kv.ts";
import { graphContract } from "../../../contract/graph.ts";
import { type StoreHarness, storeContract } from "../../../contract/store.ts";
import { type FakeFastlyKv, fakeFastlyKv } from "../../../support/fake-fastly-kv.ts";
import { manualClock } from "../../../support/manual-clock.ts";

/** Time moves only by `advance`; a pause ends at the next turn. */
function world() {
  const time = manualClock();
  const clock: Clock = {
    now: time.now,
    after(_delayMs, callback) {
      const timer = setImmediate(callback);
      return () => clearImmediate(timer);
    },
  };
  const kv = fakeFastlyKv(clock);
  const open = () => fastlyKvStore({ open: () => kv, clock });
  return { kv, open, advance: time.advance };
}

const HOUR_MS = 3_600_000;

describe("the contract, on a host as documented", () => {
  const harness: StoreHarness = {
    traits: { name: "fastly-kv", readAfterWrite: false, durable: true, shared: true },
    open() {
      const { open, advance } = world();
      return { store: open(), advance, again: open, dispose() {} };
    },
  };
  test.each([...storeContract(harness), ...graphContract(harness)])("$name", ({ run }) => run());
});

/** The numbers of the claims on one key. */
const claims = (kv: FakeFastlyKv) => [...kv.rows.keys()].filter((name) => name.startsWith("c:")).sort();

describe("a writer that dies between claim and head", () => {
  test("the next writer publishes for it, and its own write conflicts", async () => {
    const { kv, open } = world();
    const store = open();
    const first = await store.put("key", "one");
    kv.onPut = (name) => {
      if (name.startsWith("h:")) throw new Error("the host went away");
    };
    await expect(store.put("key", "two")).rejects.toThrow("the host went away");
    kv.onPut = () => {};
    expect((await store.get("key"))?.value).toBe("one");
    const version = first.ok ? first.version : "";
    expect(await store.put("key", "three", { ifVersion: version })).toEqual({ ok: false });
    expect((await store.get("key"))?.value).toBe("two");
  });
});

describe("a writer that is overtaken between claim and head", () => {
  test("the newest value remains", async () => {
    const { kv, open } = world();
    const [slow, fast] = [open(), open()];
    await slow.put("key", "zero");
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reached = () => {};
    const atHead = new Promise<void>((resolve) => {
      reached = resolve;
    });
    kv.onPut = async (name) => {
      if (!name.startsWith("h:")) return;
      kv.onPut = () => {};
      reached();
      await held;
    };
    const slowPut = slow.put("key", "slow");
    await atHead;
    // Finds the claim, waits until the end, publishes for the slow writer, and writes after it.
    expect((await fast.put("key", "fast")).ok).toBe(true);
    expect((await fast.get("key"))?.value).toBe("fast");
    release();
    expect((await slowPut).ok).toBe(true);
    expect((await slow.get("key"))?.value).toBe("fast");
  });
});

describe("a host that accepts one write per second and key", () => {
  test("no write of several in a row is lost", async () => {
    const { kv, open } = world();
    let refusals = 0;
    kv.onPut = (name) => {
      if (name.startsWith("h:") && kv.puts.at(-1) !== name && refusals++ % 2 === 0) {
        throw new TypeError("KVStore insert: Too many requests.");
      }
    };
    const store = open();
    for (let n = 0; n < 5; n++) expect((await store.put("key", `${n}`)).ok).toBe(true);
    expect(refusals).toBe(10);
    expect((await store.get("key"))?.value).toBe("4");
  });

  test("the number of attempts is bounded", async () => {
    const { kv, open } = world();
    let asked = 0;
    kv.onPut = (name) => {
      if (!name.startsWith("h:")) return;
      asked++;
      throw new TypeError("KVStore insert: Too many requests.");
    };
    await expect(open().put("key", "value")).rejects.toThrow("Too many requests");
    expect(asked).toBe(6);
  });
});

describe("a host with stale reads", () => {
  test("a write on a stale state conflicts; no write is lost", async () => {
    const { kv, open } = world();
    const store = open();
    const first = await store.put("key", "one");
    const version = first.ok ? first.version : "";
    const old = new Map(kv.rows);
    await store.put("key", "two");
    const far = open();
    const current = kv.onGet;
    kv.onGet = (name) => old.get(name);
    expect((await far.get("key"))?.value).toBe("one");
    expect(await far.put("key", "three", { ifVersion: version })).toEqual({ ok: false });
    kv.onGet = current;
    expect((await store.get("key"))?.value).toBe("two");
  });
});

describe("a deleted value", () => {
  test("is in no entry of the host, claims included", async () => {
    const { kv, open } = world();
    const store = open();
    await store.put("key", "a secret", { metadata: { secret: true } });
    await store.put("key", "another secret");
    await store.delete("key");
    expect(JSON.stringify([...kv.rows.values()])).not.toContain("secret");
  });

  test("a second deletion writes nothing", async () => {
    const { kv, open } = world();
    const store = open();
    await store.delete("key");
    expect(kv.puts).toEqual([]);
    await store.put("key", "value");
    await store.delete("key");
    const written = kv.puts.length;
    await store.delete("key");
    expect(kv.puts).toHaveLength(written);
  });
});

describe("a host that removes expired entries a day late", () => {
  test.each(["expired", "deleted"])("does not make the numbers of an %s entry begin anew", async (end) => {
    const { kv, open, advance } = world();
    const store = open();
    const first = await store.put("key", "value", { ttlSeconds: 60 });
    if (end === "deleted") await store.delete("key");
    advance(60_000);
    for (const [name, row] of kv.rows) if (name.startsWith("c:")) row.expiresMs += 24 * HOUR_MS;
    advance(25 * HOUR_MS);
    expect(await store.get("key")).toBe(null);
    const again = await store.put("key", "anew", { ifVersion: null });
    expect(again.ok && first.ok && again.version !== first.version).toBe(true);
    expect((await store.get("key"))?.value).toBe("anew");
  });

  test("removes all entries of a key in the end", async () => {
    const { kv, open, advance } = world();
    const store = open();
    await store.put("key", "value");
    await store.delete("key");
    advance(26 * HOUR_MS);
    expect(await kv.list({ prefix: "", limit: 10 })).toEqual({ list: [], cursor: undefined });
  });
});

describe("names of entries", () => {
  test("contain no character that the host refuses", async () => {
    const { kv, open } = world();
    const store = open();
    for (const key of ["..", ".", "", "a/../b", "#;?^|\r\n~", ".well-known/acme-challenge/x"]) {
      await store.put(key, "value");
      expect((await store.get(key))?.value).toBe("value");
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
    for (const name of kv.rows.keys()) expect(name).not.toMatch(/[\x00-\x1f#;?^|/]|^\./);
    expect((await store.list("")).entries).toHaveLength(6);
  });

  test("a key that is too long is refused before any write", async () => {
    const { kv, open } = world();
    await expect(open().put("k".repeat(1010), "value")).rejects.toThrow(
      "a key of 1010 characters is too long",
    );
    await expect(open().put("key", "value", { metadata: "m".repeat(1000) })).rejects.toThrow(
      "metadata is too long",
    );
    expect(kv.rows.size).toBe(0);
  });

  test("an entry of other software is refused with a hint", async () => {
    const { kv, open } = world();
    await kv.put("h:key", "value", { mode: "overwrite", metadata: "" });
    await expect(open().get("key")).rejects.toThrow("give millrace a store of its own");
  });
});

test("the host removes claims", async () => {
  const { kv, open } = world();
  const store = open();
  for (let n = 0; n < 3; n++) await store.put("key", "value");
  expect(claims(kv)).toEqual(["c:1:key", "c:2:key", "c:3:key"]);
  for (const name of claims(kv)) expect(kv.rows.get(name)!.expiresMs).toBeLessThan(Infinity);
});
