import { describe, expect, test } from "vitest";
import { connectRedis, type Redis, redisStore } from "../../../../runtime/stores/redis.ts";
import { manualClock } from "../../../support/manual-clock.ts";

/** The part of Redis that unconditional puts and listings use, and the commands that it got. */
function fakeRedis() {
  const texts = new Map<string, string>();
  const asked: string[] = [];
  const redis: Redis = {
    async send(command, key, ...args) {
      asked.push(command);
      const text = texts.get(key);
      if (command === "GET") return text ?? null;
      if (command === "GETRANGE") return (text ?? "").slice(Number(args[0]), Number(args[1]) + 1);
      if (command === "SET") texts.set(key, args[0]!);
      if (command === "UNLINK") texts.delete(key);
      return null;
    },
    run: () => Promise.reject(new Error("no script is expected here")),
    async scan(prefix, visit) {
      asked.push("SCAN");
      const keys = [...texts.keys()].filter((key) => key.startsWith(prefix));
      // Unsorted, and some keys twice, as Redis does while its table grows.
      const mixed = [...keys, ...keys.slice(0, 10)].toSorted((a, b) => hash(a) - hash(b));
      for (let at = 0; at < mixed.length; at += 1000) visit(mixed.slice(at, at + 1000));
    },
    close: async () => {},
  };
  const scans = () => asked.filter((command) => command === "SCAN").length;
  return { redis, asked, scans, store: redisStore({ redis, clock: manualClock() }) };
}

function hash(text: string): number {
  let sum = 7;
  for (const char of text) sum = (sum * 31 + char.charCodeAt(0)) % 1_000_003;
  return sum;
}

const name = (n: number) => `key${String(n).padStart(6, "0")}`;

async function listAll(store: ReturnType<typeof redisStore>, limit: number): Promise<string[]> {
  const keys: string[] = [];
  for (let cursor: string | null = null, more = true; more; more = cursor !== null) {
    const page = await store.list("key", { limit, cursor });
    keys.push(...page.entries.map(({ key }) => key));
    cursor = page.cursor;
  }
  return keys;
}

describe("a listing", () => {
  test("of many pages scans once", async () => {
    const { store, scans } = fakeRedis();
    for (let n = 0; n < 500; n++) await store.put(name(n), "value");
    expect(await listAll(store, 7)).toEqual(Array.from({ length: 500 }, (_, n) => name(n)));
    expect(scans()).toBe(1);
  });

  test("of more keys than it keeps scans again, and misses none", async () => {
    const { store, scans } = fakeRedis();
    const count = 60_000;
    for (let n = 0; n < count; n++) await store.put(name(n), "value");
    expect(await listAll(store, 1000)).toEqual(Array.from({ length: count }, (_, n) => name(n)));
    expect(scans()).toBe(3);
  });

  test("is independent of another listing in between", async () => {
    const { store } = fakeRedis();
    for (let n = 0; n < 30; n++) await store.put(name(n), "value");
    const first = await store.list("key", { limit: 10 });
    expect((await store.list("key00001", { limit: 3 })).entries.map(({ key }) => key)).toEqual(
      [10, 11, 12].map(name),
    );
    const second = await store.list("key", { limit: 10, cursor: first.cursor });
    expect(second.entries.map(({ key }) => key)).toEqual(Array.from({ length: 10 }, (_, n) => name(n + 10)));
  });

  test("reads metadata without the value, unless the metadata itself is long", async () => {
    const { store, asked } = fakeRedis();
    await store.put("key", "v".repeat(100_000), { metadata: { short: true } });
    asked.length = 0;
    expect((await store.list("key")).entries).toEqual([{ key: "key", metadata: { short: true } }]);
    expect(asked).toEqual(["SCAN", "GETRANGE"]);
    const metadata = "m".repeat(3000);
    await store.put("key", "value", { metadata });
    expect((await store.list("key")).entries).toEqual([{ key: "key", metadata }]);
  });
});

describe("the URL", () => {
  test.each([
    ["redis://"],
    ["redis:"],
    ["redis://:secret@"],
    ["redis://user:secret@host:99999"],
    ["redis://user:secret@host,"],
    ["redis://user:secret@a:1,b:x"],
    ["redis://user:secret@host/zero"],
    ["redis://user:secret@host/0/1"],
    ["redis://user:secret@host?prefx=a"],
    ["http://user:secret@host"],
    ["redis://user:secret%@host"],
    ["user:secret@host"],
  ])("%s is refused, without a word of its password", (url) => {
    const open = () => connectRedis({ url, clock: manualClock() });
    expect(open).toThrow(TypeError);
    expect(open).toThrow(/^(?!.*secret).*redis:\/\/USER:PASSWORD@HOST:PORT\/DATABASE/s);
  });

  test.each([
    ["redis://127.0.0.1", "127.0.0.1:6379"],
    ["redis://user:secret@127.0.0.1:7001/3?prefix=a%20b", "127.0.0.1:7001"],
    ["redis://:p%40ss,word@127.0.0.1:7001,127.0.0.2:7002", "127.0.0.1:7001, 127.0.0.2:7002"],
    ["redis://[::1]:7001", "[::1]:7001"],
  ])("%s is understood", async (url, nodes) => {
    const redis = connectRedis({ url, clock: manualClock() });
    await redis.close();
    await expect(redis.send("GET", "key")).rejects.toThrow(`Redis at ${nodes} is closed`);
  });
});
