/**
 * A store in Redis or a Redis Cluster, which any number of instances share.
 *
 * Each entry is one Redis string: a line of JSON with its version, its end and its metadata, then the value. So reading
 * is one GET, an unconditional put one SET, a conditional one a short script, and every operation has one key, as a
 * Cluster wants it. A version is a number that an instance counts, after a random name that the instance gave itself:
 * no other instance, no restart and no deletion can bring it forth again.
 *
 * Whether an entry has ended is judged by the clock that the store was given. Redis's own expiry, a minute later and by
 * Redis's clock, only gives the memory back.
 *
 * What is acknowledged is in Redis's memory. How much of it a crash of Redis may take back is Redis's own setting
 * (`appendonly`, `appendfsync`), and a failover to a replica may lose what had not reached that yet.
 * @module
 */
import type { Clock, Json, Store, StoreEntry } from "../platform.ts";
import { expiryMs, NEVER_MS } from "./expiry.ts";
import type { Redis } from "./redis-client.ts";

export { connectRedis, type Redis, type RedisOptions } from "./redis-client.ts";

export interface RedisStoreOptions {
  /** What {@link connectRedis} returns; the store closes it. */
  redis: Redis;
  clock: Pick<Clock, "now">;
}

/** Sets the store's keys apart from the limiter's. */
const PREFIX = "entry:";
/** How much longer than an entry Redis keeps it, in milliseconds: no instance's clock is that much behind Redis's. */
const LINGER_MS = 60_000;
/** As much of an entry as is read for its metadata; a longer head is read again whole. */
const HEAD_BYTES = 1024;
/** How many keys beyond a page's own a listing remembers for the pages after it. */
const MAX_REMEMBERED = 20_000;

/**
 * KEYS[1] the entry. ARGV: the version that it must have, as JSON (`null`: there must be no entry), the time now in
 * milliseconds, the new entry, and for how many milliseconds Redis is to keep it, or nothing.
 */
const COMPARE_AND_SET = `
local version = 'null'
local stored, ends = string.match(redis.call('GETRANGE', KEYS[1], 0, 99), '^%[("[^"]*"),(%d+),')
if stored and tonumber(ends) > tonumber(ARGV[2]) then version = stored end
if version ~= ARGV[1] then return 0 end
if ARGV[4] then redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) else redis.call('SET', KEYS[1], ARGV[3]) end
return 1`;

/** The first line of what Redis holds for an entry. */
type Head = [version: string, endsMs: number, metadata: Json];

/**
 * Opens the store. `list` walks over all keys of the database for each listing, whatever its prefix: 1,000 keys for each
 * of Redis's steps. It is made for the few keys of a registry, not for a request.
 *
 * @example
 * const store = redisStore({ redis: connectRedis({ url: "redis://127.0.0.1:6379" }), clock: { now: Date.now } });
 */
export function redisStore({ redis, clock }: RedisStoreOptions): Store {
  const instance = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(12))));
  let writes = 0;
  let closed = false;
  /** What the last listing found beyond its page, in order: the keys of the pages after it. */
  let remembered: { prefix: string; keys: string[]; isAll: boolean } | null = null;

  function mustBeUsable(key: string): void {
    if (closed) throw new Error("the Redis store is closed");
    mustBeText("key", key);
  }

  const isLive = ([, endsMs]: Head) => endsMs > clock.now();

  /** The keys from `from` on that begin with `prefix`, in order: at least `count` of them, or all. */
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

  /** The metadata of an entry; `undefined` if there is none. */
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
      mustBeUsable(key);
      const text = (await redis.send("GET", PREFIX + key)) as string | null;
      if (text === null) return null;
      const head = headOf(text);
      if (head === null || !isLive(head)) return null;
      return { value: text.slice(text.indexOf("\n") + 1), metadata: head[2], version: head[0] };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null } = {}) {
      mustBeUsable(key);
      mustBeText("value", value);
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
      mustBeUsable(key);
      await redis.send("UNLINK", PREFIX + key);
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      mustBeUsable(prefix);
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
      closed = true;
      remembered = null;
      await redis.close();
    },
  };
}

/**
 * @returns `null` if there is no line.
 * @throws {Error} without a word of a value that millrace did not write: what `JSON.parse` throws quotes it.
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

/** Redis gets UTF-8, in which half of a surrogate pair cannot be written: refused, not altered. */
function mustBeText(what: string, text: string): void {
  if (!text.isWellFormed()) throw new TypeError(`a ${what} for the Redis store must be well-formed Unicode`);
}
