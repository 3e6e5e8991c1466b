import type { Clock, Store } from "../platform.ts";
import { expiryMs } from "./expiry.ts";
import { StoreGuard } from "./guard.ts";

export interface MemoryStoreOptions {
  /** The time by which entries expire. */
  clock: Pick<Clock, "now">;
  /** Maximum size of all entries together, in bytes, estimated from above. Default: 512 MiB. */
  maxBytes?: number;
}

interface Row {
  value: string;
  /** JSON text, so that no caller can change what another one reads. */
  metadata: string;
  version: string;
  expiresMs: number;
}

/** Entries that each put checks for expiry: expired entries cannot outnumber live ones for long. */
const SWEPT_PER_PUT = 2;
/** Size of an entry without its text, in bytes. */
const ROW_BYTES = 200;

/** Two bytes per character: V8 takes one or two. */
const bytesOf = (key: string, row: Row | undefined) =>
  row === undefined ? 0 : ROW_BYTES + 2 * (key.length + row.value.length + row.metadata.length);

/**
 * A store in the memory of this process, for tests, demonstrations and hosts that keep nothing longer than a process.
 * `list` walks over all keys for each page. A put that finds no room rejects; no live entry is ever dropped.
 *
 * @example
 * const store = memoryStore({ clock: { now: Date.now } });
 */
export function memoryStore({ clock, maxBytes = 512 * 1024 ** 2 }: MemoryStoreOptions): Store {
  const guard = new StoreGuard("the memory store");
  const rows = new Map<string, Row>();
  let bytes = 0;
  let writes = 0;
  let sweeper = rows.entries();

  const isLive = (row: Row) => row.expiresMs > clock.now();

  function set(key: string, row: Row | undefined): void {
    bytes += bytesOf(key, row) - bytesOf(key, rows.get(key));
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
  }

  /** Removes expired entries: each put checks the next few, in turn. */
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

  return {
    traits: { name: "memory", readAfterWrite: true, durable: false, shared: false },

    get(key) {
      guard.mustBeOpen();
      const row = live(key);
      if (row === undefined) return null;
      return { value: row.value, metadata: JSON.parse(row.metadata), version: row.version };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null } = {}) {
      guard.mustBeOpen();
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
      guard.mustBeOpen();
      set(key, undefined);
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      guard.mustBeOpen();
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
      guard.close();
      rows.clear();
      bytes = 0;
    },
  };
}
