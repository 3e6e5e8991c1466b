/**
 * A store in Cloudflare's Durable Objects, each of which has its own SQLite database. An object runs one operation at a
 * time, so a read followed by a write is a compare-and-swap.
 *
 * Keys with one prefix are spread over several objects, to share the load. All other keys are in one object, so that one
 * call lists them.
 * @module
 */
import type { Clock, Json, ListPage, PutOptions, PutResult, Store, StoreEntry } from "../platform.ts";
import { expiryMs, NEVER_MS } from "./expiry.ts";
import { StoreGuard } from "./guard.ts";

/** One object as a remote caller sees it. */
export interface EntriesObject {
  get(key: string): Promise<StoreEntry | null>;
  put(key: string, value: string, options: PutOptions): Promise<PutResult>;
  delete(key: string): Promise<void>;
  /** At most `limit` entries whose keys begin with `prefix` and sort after `after`. */
  list(prefix: string, after: string | null, limit: number): Promise<ListPage["entries"]>;
}

/** Runs one operation on the object with a name. */
export type CallObject<T> = <R>(name: string, operation: (object: T) => Promise<R>) => Promise<R>;

export interface DurableObjectStoreOptions {
  /** Calls an object. */
  call: CallObject<EntriesObject>;
  /**
   * Keys with `prefix` are spread over `objects` objects; all others are in one. Never change these values: entries would no
   * longer be found.
   */
  spread: { prefix: string; objects: number };
}

/** Opens the store. Each operation calls one object; listing spread keys calls all of theirs. */
export function durableObjectStore({ call, spread }: DurableObjectStoreOptions): Store {
  const common = "store";
  const names = Array.from({ length: spread.objects }, (_, n) => `store:${spread.prefix}${n}`);
  const guard = new StoreGuard("the Durable Object store", { keepsNul: false });

  const nameOf = (key: string) =>
    key.startsWith(spread.prefix) ? names[spreadOver(spread.objects, key)]! : common;

  /** The objects that may hold keys with a prefix. */
  function namesOf(prefix: string): string[] {
    if (prefix.startsWith(spread.prefix)) return names;
    return spread.prefix.startsWith(prefix) ? [common, ...names] : [common];
  }

  return {
    traits: { name: "durable-object", readAfterWrite: true, durable: true, shared: true },

    async get(key) {
      guard.mustBeUsable(key);
      return call(nameOf(key), (object) => object.get(key));
    },

    async put(key, value, options = {}) {
      guard.mustBeUsable(key);
      guard.mustBeText("value", value);
      expiryMs(0, options.ttlSeconds); // refused before the call
      return call(nameOf(key), (object) => object.put(key, value, options));
    },

    async delete(key) {
      guard.mustBeUsable(key);
      return call(nameOf(key), (object) => object.delete(key));
    },

    async list(prefix, { limit = 1000, cursor = null } = {}) {
      guard.mustBeUsable(prefix);
      const lists = await Promise.all(
        namesOf(prefix).map((name) => call(name, (object) => object.list(prefix, cursor, limit + 1))),
      );
      const found = lists.flat().sort((a, b) => byCodePoint(a.key, b.key));
      const entries = found.slice(0, limit);
      return { entries, cursor: found.length > limit ? entries.at(-1)!.key : null };
    },

    async close() {
      guard.close();
    },
  };
}

/** Maps a text to a number below `count` (FNV-1a). The result never changes: stored entries depend on it. */
export function spreadOver(count: number, text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % count;
}

/** SQLite's order of UTF-8 texts. JavaScript's order of UTF-16 units puts surrogates before U+E000 to U+FFFF. */
function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** The part of Cloudflare's `DurableObjectStorage` that is used here. */
export interface ObjectStorage {
  readonly sql: {
    exec(query: string, ...bindings: unknown[]): { toArray(): Record<string, unknown>[] };
  };
  getAlarm(): Promise<number | null>;
  setAlarm(atMs: number): Promise<void>;
}

/** The entries of one object, for the object itself. */
export interface Entries {
  get(key: string): StoreEntry | null;
  put(key: string, value: string, options: PutOptions): PutResult;
  delete(key: string): void;
  list(prefix: string, after: string | null, limit: number): ListPage["entries"];
  /** Sets an alarm that will remove expired entries, unless one is set. Await it before each put. */
  arm(): Promise<void>;
  /** Removes expired entries. Call it from the alarm. */
  sweep(): Promise<void>;
}

/** Interval at which an object removes expired entries, in milliseconds. */
const SWEEP_EVERY_MS = 3_600_000;

/** The index costs a second row per write, and saves the sweep a scan of all entries. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    key TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    expires INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    value TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS entries_by_end ON entries (expires) WHERE expires < ${NEVER_MS};
`;

/** Opens the entries of an object. */
export function openEntries(storage: ObjectStorage, clock: Pick<Clock, "now">): Entries {
  const { sql } = storage;
  let armed = false;
  sql.exec(SCHEMA);

  const row = (query: string, ...bindings: unknown[]) => sql.exec(query, ...bindings).toArray()[0];

  return {
    get(key) {
      const found = row(
        "SELECT value, metadata, version FROM entries WHERE key = ? AND expires > ?",
        key,
        clock.now(),
      );
      if (found === undefined) return null;
      return {
        value: found.value as string,
        metadata: JSON.parse(found.metadata as string) as Json,
        version: found.version as string,
      };
    },

    put(key, value, { ifVersion, ttlSeconds, metadata = null }) {
      const nowMs = clock.now();
      if (ifVersion !== undefined) {
        const current = row("SELECT version FROM entries WHERE key = ? AND expires > ?", key, nowMs);
        if (ifVersion !== (current?.version ?? null)) return { ok: false };
      }
      const version = crypto.randomUUID();
      sql.exec(
        "INSERT OR REPLACE INTO entries (key, version, expires, metadata, value) VALUES (?, ?, ?, ?, ?)",
        key,
        version,
        expiryMs(nowMs, ttlSeconds),
        JSON.stringify(metadata),
        value,
      );
      return { ok: true, version };
    },

    delete(key) {
      sql.exec("DELETE FROM entries WHERE key = ?", key);
    },

    list(prefix, after, limit) {
      // UTF-8 has no byte FF: the prefix followed by it sorts after every key that begins with the prefix.
      const rows = sql.exec(
        `SELECT key, metadata FROM entries
         WHERE key >= ?1 AND key > ?2 AND key < ?1 || CAST(x'FF' AS TEXT) AND expires > ?3 ORDER BY key LIMIT ?4`,
        prefix,
        after ?? "",
        clock.now(),
        limit,
      );
      return rows.toArray().map(({ key, metadata }) => ({
        key: key as string,
        metadata: JSON.parse(metadata as string) as Json,
      }));
    },

    async arm() {
      if (armed) return;
      if ((await storage.getAlarm()) === null) await storage.setAlarm(clock.now() + SWEEP_EVERY_MS);
      armed = true;
    },

    async sweep() {
      sql.exec("DELETE FROM entries WHERE expires <= ?", clock.now());
      armed = row("SELECT 1 FROM entries WHERE expires < ? LIMIT 1", NEVER_MS) !== undefined;
      if (armed) await storage.setAlarm(clock.now() + SWEEP_EVERY_MS);
    },
  };
}
