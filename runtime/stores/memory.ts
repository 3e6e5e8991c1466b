import type { Clock, Store } from "../platform.ts";
import { expiryMs } from "./expiry.ts";

/** Where the time comes from, and how much may be kept. */
export interface MemoryStoreOptions {
  clock: Pick<Clock, "now">;
  /** How much all entries together may take, in bytes; reckoned generously. Default 512 MiB. */
  maxBytes?: number;
}

interface Row {
  value: string;
  /** JSON text, so that no caller can change what another one reads. */
  metadata: string;
  version: string;
  expiresMs: number;
}

/** How many entries each put looks at, to drop the expired: these cannot outnumber the living for long. */
const SWEPT_PER_PUT = 2;
/** What an entry takes beside its text, in bytes. */
const ROW_BYTES = 200;

/** A text's share is that of two bytes a character: V8 takes one or two. */
const bytesOf = (key: string, row: Row | undefined) =>
  row === undefined ? 0 : ROW_BYTES + 2 * (key.length + row.value.length + row.metadata.length);

/**
 * A store in this process's memory, for tests, demonstrations and hosts where nothing outlives a process anyway.
 * `list` looks at every key for each page. A put that finds no room rejects; nothing live is ever dropped.
 *
 * @example
 * const store = memoryStore({ clock: { now: Date.now } });
 */
export function memoryStore({ clock, maxBytes = 512 * 1024 ** 2 }: MemoryStoreOptions): Store {
  const rows = new Map<string, Row>();
  let bytes = 0;
  let writes = 0;
  let sweeper = rows.entries();
  let closed = false;

  const isLive = (row: Row) => row.expiresMs > clock.now();

  function set(key: string, row: Row | undefined): void {
    bytes += bytesOf(key, row) - bytesOf(key, rows.get(key));
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
  }

  /** Goes round and round through all entries, a few at each put. */
  function sweep(): void {
    for (let looked = 0; looked < SWEPT_PER_PUT; looked++) {
      const next = sweeper.next();
      if (next.done) sweeper = rows.entries();
      else if (!isLive(next.value[1])) set(next.value[0], undefined);
    }
  }

  function live(key: string): Row | undefined {
    const row = rows.get(key);
    return row !== undefined && isLive(row) ? row : undefined;
  }

  function mustBeOpen(): void {
    if (closed) throw new Error("the memory store is closed");
  }

  return {
    traits: { name: "memory", readAfterWrite: true, durable: false, shared: false },

    get(key) {
      mustBeOpen();
      const row = live(key);
      if (row === undefined) return null;
      return { value: row.value, metadata: JSON.parse(row.metadata), version: row.version };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null } = {}) {
      mustBeOpen();
      const expiresMs = expiryMs(clock.now(), ttlSeconds);
      sweep();
      if (ifVersion !== undefined && ifVersion !== (live(key)?.version ?? null)) return { ok: false };
      const row = { value, metadata: JSON.stringify(metadata), version: String(++writes), expiresMs };
      if (bytes + bytesOf(key, row) - bytesOf(key, rows.get(key)) > maxBytes) {
        throw new Error(
          `the memory store is full: ${rows.size} entries fill its ${maxBytes} bytes; use another store`,
        );
      }
      set(key, row);
      return { ok: true, version: row.version };
    },

    async delete(key) {
      mustBeOpen();
      set(key, undefined);
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      mustBeOpen();
      const from = cursor ?? prefix;
      const keys: string[] = [];
      for (const [key, row] of rows) {
        if (key >= from && key.startsWith(prefix) && isLive(row)) keys.push(key);
      }
      keys.sort();
      return {
        entries: keys.slice(0, limit).map((key) => ({ key, metadata: JSON.parse(rows.get(key)!.metadata) })),
        cursor: keys[limit] ?? null,
      };
    },

    async close() {
      closed = true;
      rows.clear();
      bytes = 0;
    },
  };
}
