/**
 * A store in Redis or a Redis Cluster, which any number of instances share.
 *
 * Each entry is one Redis string: a line of JSON with its version, its expiry and its metadata, then the value. So a read is one
 * GET, an unconditional put one SET, a conditional put a short script, and every operation has one key, as a Cluster requires. A
 * version is a random name of the instance and a counter: no other instance, restart or deletion produces it again.
 *
 * The given clock decides whether an entry has expired. Redis's own expiry, a minute later and by Redis's clock, only frees the
 * memory.
 *
 * An acknowledged write is in Redis's memory. How much of it a crash of Redis may lose is a setting of Redis (`appendonly`,
 * `appendfsync`). A failover loses no write that a replica has confirmed: `replicas` in the URL.
 * @module
 */
import type { Clock, Json, Store, StoreEntry } from "../platform.ts";
import { expiryMs, NEVER_MS } from "./expiry.ts";
import { StoreGuard } from "./guard.ts";
import type { Redis } from "./redis-client.ts";

export { connectRedis, type Redis, type RedisOptions } from "./redis-client.ts";

export interface RedisStoreOptions {
  /** A client from {@link connectRedis}. The store closes it. */
  redis: Redis;
  /** The time by which entries expire. */
  clock: Pick<Clock, "now">;
}

/** First part of every key: separates the store's keys from the limiter's. */
const PREFIX = "entry:";
/** How long Redis keeps an expired entry, in milliseconds: more than the clock of an instance may be behind Redis's. */
const LINGER_MS = 60_000;
/** Bytes of an entry that are read for its metadata; an entry with a longer head is read whole. */
const HEAD_BYTES = 1024;
/** Maximum number of keys that a listing keeps for the next pages. */
const MAX_REMEMBERED = 20_000;

/**
 * KEYS[1]: the entry. ARGV: the version that it must have, as JSON (`null`: it must be absent), the time now in milliseconds, the
 * new entry, and optionally how long Redis keeps it, in milliseconds.
 */
const COMPARE_AND_SET = `
local version = 'null'
local stored, ends = string.match(redis.call('GETRANGE', KEYS[1], 0, 99), '^%[("[^"]*"),(%d+),')
if stored and tonumber(ends) > tonumber(ARGV[2]) then version = stored end
if version ~= ARGV[1] then return 0 end
if ARGV[4] then redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) else redis.call('SET', KEYS[1], ARGV[3]) end
return 1`;

/** The first line of an entry in Redis. */
type Head = [version: string, endsMs: number, metadata: Json];

/**
 * Opens the store. `list` walks over all keys of the database, whatever the prefix, in steps of 1,000 keys. Use it for a registry
 * with few keys, not for requests.
 *
 * @example
 * const store = redisStore({ redis: connectRedis({ url: "redis://127.0.0.1:6379", clock }), clock });
 */
export function redisStore({ redis, clock }: RedisStoreOptions): Store {
  const instance = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(12))));
  let writes = 0;
  const guard = new StoreGuard("the Redis store");
  /** The sorted keys that the last listing found after its page. */
  let remembered: { prefix: string; keys: string[]; isAll: boolean } | null = null;

  const isLive = ([, endsMs]: Head) => endsMs > clock.now();

  /** The sorted keys from `from` on that begin with `prefix`: at least `count` of them, or all. */
  async function find(prefix: string, from: string, count: number) {
    const most = count + MAX_REMEMBERED;
    let found = new Set<string>();
    let isAll = true;
    const smallest = () => [...found].sort().slice(0, most);
    await redis.scan(PREFIX + prefix, (keys) => {
      for (const named of keys) {
        const key = named.slice(PREFIX.length);
        if (key >= from) found.add(key);
      }
      if (found.size <= 2 * most) return;
      found = new Set(smallest());
      isAll = false;
    });
    isAll &&= found.size <= most;
    return { prefix, keys: smallest(), isAll };
  }

  /** The metadata of an entry; `undefined` if the entry is absent. */
  async function metadata(key: string): Promise<Json | undefined> {
    let text = String(await redis.send("GETRANGE", PREFIX + key, "0", String(HEAD_BYTES - 1)));
    if (text === "") return undefined;
    if (!text.includes("\n")) text = String((await redis.send("GET", PREFIX + key)) ?? "\n");
    const head = headOf(text);
    return head !== null && isLive(head) ? head[2] : undefined;
  }

  return {
    traits: { name: "redis", readAfterWrite: true, durable: true, shared: true },

    async get(key): Promise<StoreEntry | null> {
      guard.mustBeUsable(key);
      const text = (await redis.send("GET", PREFIX + key)) as string | null;
      if (text === null) return null;
      const head = headOf(text);
      if (head === null || !isLive(head)) return null;
      return { value: text.slice(text.indexOf("\n") + 1), metadata: head[2], version: head[0] };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null } = {}) {
      guard.mustBeUsable(key);
      guard.mustBeText("value", value);
      const nowMs = clock.now();
      const endsMs = expiryMs(nowMs, ttlSeconds);
      const version = `${instance}.${(++writes).toString(36)}`;
      const entry = `${JSON.stringify([version, endsMs, metadata] satisfies Head)}\n${value}`;
      const keepMs = endsMs === NEVER_MS ? [] : [String(Math.max(0, endsMs - nowMs) + LINGER_MS)];
      if (ifVersion === undefined) {
        await redis.send("SET", PREFIX + key, entry, ...(keepMs.length > 0 ? ["PX", ...keepMs] : []));
        return { ok: true, version };
      }
      const args = [JSON.stringify(ifVersion), String(nowMs), entry, ...keepMs];
      const isDone = (await redis.run(COMPARE_AND_SET, PREFIX + key, ...args)) === 1;
      return isDone ? { ok: true, version } : { ok: false };
    },

    async delete(key) {
      guard.mustBeUsable(key);
      await redis.send("UNLINK", PREFIX + key);
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      guard.mustBeUsable(prefix);
      const from = cursor ?? prefix;
      const last = remembered;
      const isKnown =
        last !== null &&
        last.prefix === prefix &&
        last.keys[0] === from &&
        (last.isAll || last.keys.length > limit);
      const { keys, isAll } = isKnown ? last : await find(prefix, from, limit + 1);
      const rest = keys.slice(limit);
      remembered = rest.length === 0 ? null : { prefix, keys: rest, isAll };
      const page = keys.slice(0, limit);
      const found = await Promise.all(page.map(metadata));
      return {
        entries: page.flatMap((key, i) => (found[i] === undefined ? [] : [{ key, metadata: found[i] }])),
        cursor: rest[0] ?? null,
      };
    },

    async close() {
      guard.close();
      remembered = null;
      await redis.close();
    },
  };
}

/**
 * @returns `null` if the text has no first line.
 * @throws {Error} that quotes nothing of a value that millrace did not write. `JSON.parse` would quote it.
 */
function headOf(text: string): Head | null {
  const end = text.indexOf("\n");
  if (end <= 0) return null;
  try {
    return JSON.parse(text.slice(0, end)) as Head;
  } catch {
    throw new Error("Redis has a value that millrace did not write; give millrace a prefix of its own");
  }
}
