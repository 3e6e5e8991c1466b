/**
 * A store in a browser's IndexedDB, on the visitor's own device. One write is one transaction, and the browser runs writing
 * transactions of all tabs and workers one after the other: that makes a compare-and-swap.
 *
 * The browser may delete all data of a site when it runs out of space, and visitors may delete it at any time.
 * @module
 */
import type { Clock, Json, Store } from "../platform.ts";
import { expiryMs } from "./expiry.ts";
import { StoreGuard } from "./guard.ts";

export interface IndexedDbStoreOptions {
  /** Name of the database, which is created if absent. */
  name: string;
  /** The time by which entries expire. */
  clock: Pick<Clock, "now">;
}

/** The stored form of an entry. */
interface Row {
  key: string;
  value: string;
  metadata: Json;
  version: string;
  expiresMs: number;
}

const ENTRIES = "entries";
const BY_END = "by end";
/** Version of the database layout. */
const LAYOUT = 1;
/** Expired entries that each write removes: expired entries cannot outnumber live ones for long. */
const SWEPT_PER_WRITE = 2;

/**
 * Opens the store. The first operation opens the database.
 *
 * @example
 * const store = indexedDbStore({ name: "millrace", clock: { now: Date.now } });
 */
export function indexedDbStore({ name, clock }: IndexedDbStoreOptions): Store {
  const guard = new StoreGuard("the IndexedDB store");
  let opened: Promise<IDBDatabase> | undefined;

  function database(): Promise<IDBDatabase> {
    guard.mustBeOpen();
    opened ??= open(name, () => {
      opened = undefined;
    });
    return opened;
  }

  /** Runs one transaction, and resolves once it is complete. */
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
        // Not `answer`: a cursor fires `onsuccess` of the same request for each row.
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
      guard.close();
      database?.close();
    },
  };
}

/** @param onGone called when the browser closes the database; the next operation opens it again. */
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
    opening.onblocked = () => fail(new Error("another tab has an older layout of the IndexedDB store open"));
    opening.onsuccess = () => {
      const database = opening.result;
      database.onclose = onGone;
      // Another tab that changes the layout or deletes the database must not wait for this one.
      database.onversionchange = () => {
        database.close();
        onGone();
      };
      resolve(database);
    };
  });
}

/** Aborts a transaction that is not over. */
function abort(running: IDBTransaction): void {
  try {
    running.abort();
  } catch {
    // It is over already.
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** The keys that begin with `prefix`, from `first` on, ordered by UTF-16 code units. */
function rangeOf(prefix: string, first: string): IDBKeyRange {
  const after = successor(prefix);
  return after === null ? IDBKeyRange.lowerBound(first) : IDBKeyRange.bound(first, after, false, true);
}

/** The first text after all texts that begin with `prefix`; `null` if there is none. */
function successor(prefix: string): string | null {
  const end = prefix.replace(/\uffff+$/, "");
  if (end === "") return null;
  return end.slice(0, -1) + String.fromCharCode(end.charCodeAt(end.length - 1) + 1);
}
