/**
 * A store in a browser's IndexedDB, on the visitor's own device. One write is one transaction, and transactions that write
 * come one after the other, whichever tab or worker they are from: that makes a compare-and-swap.
 *
 * A browser may throw away all that a site keeps when it runs out of room, and visitors may at any time.
 * @module
 */
import type { Clock, Json, Store } from "../platform.ts";
import { expiryMs } from "./expiry.ts";

export interface IndexedDbStoreOptions {
  /** The database's name; it is made if absent. */
  name: string;
  clock: Pick<Clock, "now">;
}

/** What is kept under one key. */
interface Row {
  key: string;
  value: string;
  metadata: Json;
  version: string;
  expiresMs: number;
}

const ENTRIES = "entries";
const BY_END = "by end";
/** The layout below. */
const LAYOUT = 1;
/** How many expired entries each write removes: these cannot outnumber the living for long. */
const SWEPT_PER_WRITE = 2;

/**
 * Opens the store, at its first use.
 *
 * @example
 * const store = indexedDbStore({ name: "millrace", clock: { now: Date.now } });
 */
export function indexedDbStore({ name, clock }: IndexedDbStoreOptions): Store {
  let opened: Promise<IDBDatabase> | undefined;
  let closed = false;

  function database(): Promise<IDBDatabase> {
    if (closed) throw new Error("the IndexedDB store is closed");
    opened ??= open(name, () => {
      opened = undefined;
    });
    return opened;
  }

  /** Runs one transaction; what it comes to holds once it is complete. */
  async function transaction<T>(
    mode: IDBTransactionMode,
    run: (entries: IDBObjectStore) => Promise<T>,
  ): Promise<T> {
    const running = (await database()).transaction(ENTRIES, mode);
    const complete = new Promise<void>((resolve, reject) => {
      running.oncomplete = () => resolve();
      running.onabort = () => reject(running.error ?? new Error("the browser ended a transaction"));
    });
    const result = run(running.objectStore(ENTRIES));
    result.catch(() => abort(running));
    const [value] = await Promise.all([result, complete]);
    return value;
  }

  const isLive = (row: Row | undefined): row is Row => row !== undefined && row.expiresMs > clock.now();

  async function sweep(entries: IDBObjectStore): Promise<void> {
    const ended = IDBKeyRange.upperBound(clock.now());
    const keys = await answer(entries.index(BY_END).getAllKeys(ended, SWEPT_PER_WRITE));
    await Promise.all(keys.map((key) => answer(entries.delete(key))));
  }

  return {
    traits: { name: "indexeddb", readAfterWrite: true, durable: true, shared: true },

    async get(key) {
      const row = await transaction("readonly", (entries) => answer<Row | undefined>(entries.get(key)));
      if (!isLive(row)) return null;
      return { value: row.value, metadata: row.metadata, version: row.version };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null } = {}) {
      const expiresMs = expiryMs(clock.now(), ttlSeconds);
      return transaction("readwrite", async (entries) => {
        if (ifVersion !== undefined) {
          const row = await answer<Row | undefined>(entries.get(key));
          if (ifVersion !== (isLive(row) ? row.version : null)) return { ok: false };
        }
        await sweep(entries);
        const version = crypto.randomUUID();
        await answer(entries.put({ key, value, metadata, version, expiresMs } satisfies Row));
        return { ok: true, version };
      });
    },

    async delete(key) {
      await transaction("readwrite", (entries) => answer(entries.delete(key)));
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      const range = rangeOf(prefix, cursor ?? prefix);
      return transaction("readonly", async (entries) => {
        const rows: Row[] = [];
        const opening: IDBRequest<IDBCursorWithValue | null> = entries.openCursor(range);
        // Not by promises: a cursor tells of each row by the same request.
        const next = await new Promise<string | null>((resolve, reject) => {
          opening.onerror = () => reject(opening.error);
          opening.onsuccess = () => {
            const at = opening.result;
            if (at === null) return resolve(null);
            const row = at.value as Row;
            if (isLive(row)) {
              if (rows.length === limit) return resolve(row.key);
              rows.push(row);
            }
            at.continue();
          };
        });
        return { entries: rows.map(({ key, metadata }) => ({ key, metadata })), cursor: next };
      });
    },

    async close() {
      const database = await opened?.catch(() => undefined);
      closed = true;
      database?.close();
    },
  };
}

/** @param onGone called when the database is closed from elsewhere; the next use opens it again. */
function open(name: string, onGone: () => void): Promise<IDBDatabase> {
  const opening = indexedDB.open(name, LAYOUT);
  opening.onupgradeneeded = () => {
    const entries = opening.result.createObjectStore(ENTRIES, { keyPath: "key" });
    entries.createIndex(BY_END, "expiresMs");
  };
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      onGone();
      reject(error);
    };
    opening.onerror = () => fail(opening.error);
    opening.onblocked = () =>
      fail(new Error("another tab holds an older layout of the IndexedDB store open"));
    opening.onsuccess = () => {
      const database = opening.result;
      database.onclose = onGone;
      // Whoever wants to change the layout, or to remove all, must not wait for us.
      database.onversionchange = () => {
        database.close();
        onGone();
      };
      resolve(database);
    };
  });
}

/** Ends a transaction unless it has ended. */
function abort(running: IDBTransaction): void {
  try {
    running.abort();
  } catch {
    // it has
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Keys that begin with `prefix`, from `first` on. They are ordered by their UTF-16 code units. */
function rangeOf(prefix: string, first: string): IDBKeyRange {
  const after = successor(prefix);
  return after === null ? IDBKeyRange.lowerBound(first) : IDBKeyRange.bound(first, after, false, true);
}

/** The first text that comes after all that begin with `prefix`; `null`: none does. */
function successor(prefix: string): string | null {
  const end = prefix.replace(/\uffff+$/, "");
  if (end === "") return null;
  return end.slice(0, -1) + String.fromCharCode(end.charCodeAt(end.length - 1) + 1);
}
