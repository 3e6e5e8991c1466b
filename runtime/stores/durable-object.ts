/**
 * A store in Cloudflare's Durable Objects, each with an SQLite database of its own. An object lives in one place and does
 * one thing at a time, so a compare-and-swap there is a look and a write.
 *
 * Keys of one family may be many: they are spread over several objects, so that no single one has to bear them all. The
 * few others are together in one, where they are listed with a single call.
 * @module
 */
import type { Clock, Json, ListPage, PutOptions, PutResult, Store, StoreEntry } from "../platform.ts";
import { expiryMs, NEVER_MS } from "./expiry.ts";

/** The entries of one object, as they are called from outside. */
export interface EntriesObject {
  get(key: string): Promise<StoreEntry | null>;
  put(key: string, value: string, options: PutOptions): Promise<PutResult>;
  delete(key: string): Promise<void>;
  /** At most `limit` entries whose keys begin with `prefix` and come after `after`. */
  list(prefix: string, after: string | null, limit: number): Promise<ListPage["entries"]>;
}

/** Runs one operation on the object of a name. */
export type CallObject<T> = <R>(name: string, operation: (object: T) => Promise<R>) => Promise<R>;

export interface DurableObjectStoreOptions {
  call: CallObject<EntriesObject>;
  /**
   * Keys with this prefix are spread over so many objects; all others are in one. What is written can be found under the
   * same numbers only: they must never change.
   */
  spread: { prefix: string; objects: number };
}

/** Opens the store. Each operation is one call of an object, but that a page of spread keys asks all of theirs. */
export function durableObjectStore({ call, spread }: DurableObjectStoreOptions): Store {
  const common = "store";
  const names = Array.from({ length: spread.objects }, (_, n) => `store:${spread.prefix}${n}`);
  let closed = false;

  const nameOf = (key: string) =>
    key.startsWith(spread.prefix) ? names[spreadOver(spread.objects, key)]! : common;

  /** Where keys that begin with a prefix may be. */
  function namesOf(prefix: string): string[] {
    if (prefix.startsWith(spread.prefix)) return names;
    return spread.prefix.startsWith(prefix) ? [common, ...names] : [common];
  }

  function mustBeUsable(key: string): void {
    if (closed) throw new Error("the Durable Object store is closed");
    mustBeText("key", key);
  }

  return {
    traits: { name: "durable-object", readAfterWrite: true, durable: true, shared: true },

    async get(key) {
      mustBeUsable(key);
      return call(nameOf(key), (object) => object.get(key));
    },

    async put(key, value, options = {}) {
      mustBeUsable(key);
      mustBeText("value", value);
      expiryMs(0, options.ttlSeconds); // refuses what is no amount of time, before a call is made
      return call(nameOf(key), (object) => object.put(key, value, options));
    },

    async delete(key) {
      mustBeUsable(key);
      return call(nameOf(key), (object) => object.delete(key));
    },

    async list(prefix, { limit = 1000, cursor = null } = {}) {
      mustBeUsable(prefix);
      const lists = await Promise.all(
        namesOf(prefix).map((name) => call(name, (object) => object.list(prefix, cursor, limit + 1))),
      );
      const found = lists.flat().sort((a, b) => byCodePoint(a.key, b.key));
      const entries = found.slice(0, limit);
      return { entries, cursor: found.length > limit ? entries.at(-1)!.key : null };
    },

    async close() {
      closed = true;
    },
  };
}

/** Which of `count` a text falls to (FNV-1a): the same one everywhere and for ever. */
export function spreadOver(count: number, text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % count;
}

/** The order that SQLite has for text in UTF-8: UTF-16's would put surrogates before the last 8192 code units. */
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

/** Text becomes UTF-8 in SQLite, which has no half of a surrogate pair, and is read up to its first NUL. */
function mustBeText(what: string, text: string): void {
  if (!text.isWellFormed() || text.includes("\0")) {
    throw new TypeError(`a ${what} for a Durable Object must be well-formed Unicode without NUL characters`);
  }
}

/** As much of Cloudflare's `DurableObjectStorage` as is used here. */
export interface ObjectStorage {
  readonly sql: {
    exec(query: string, ...bindings: unknown[]): { toArray(): Record<string, unknown>[] };
  };
  getAlarm(): Promise<number | null>;
  setAlarm(atMs: number): Promise<void>;
}

/** The entries of one object, as the object itself has them. */
export interface Entries {
  get(key: string): StoreEntry | null;
  put(key: string, value: string, options: PutOptions): PutResult;
  delete(key: string): void;
  list(prefix: string, after: string | null, limit: number): ListPage["entries"];
  /** Sees to it that an alarm will come for what expires. To be awaited before the first put. */
  arm(): Promise<void>;
  /** Removes what has expired; for the alarm. */
  sweep(): Promise<void>;
}

/** How often an object looks for expired entries, in milliseconds. */
const SWEEP_EVERY_MS = 3_600_000;

/** The index costs a second row for each write, and spares the sweep a look at every entry. */
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
      // A byte FF occurs in no UTF-8 text: the prefix with it behind comes after every key that begins with the prefix.
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
