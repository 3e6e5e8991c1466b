/**
 * A store in Deno KV: on Deno Deploy, or in a file of this machine.
 *
 * Each entry is one value of bytes: a line of JSON with its end and its metadata, then the value in UTF-8. Its version is
 * the versionstamp that Deno KV gives to each write of a database, which never comes twice. Whether an entry has ended is
 * judged by the clock that the store was given; Deno KV's own expiry, a minute later, only gives the space back.
 * @module
 */
import type { Clock, Json, PutOptions, Store, StoreEntry } from "../platform.ts";
import { expiryMs, NEVER_MS } from "./expiry.ts";

export interface DenoKvStoreOptions {
  /** A file, which is created if absent; left out or empty: the database that Deno Deploy has for this project. */
  path?: string;
  clock: Pick<Clock, "now">;
}

/** As much of Deno KV as is used here. */
interface Kv {
  get(key: KvKey): Promise<KvEntry>;
  set(key: KvKey, value: Uint8Array, options: { expireIn?: number }): Promise<{ versionstamp: string }>;
  delete(key: KvKey): Promise<void>;
  list(range: { start: KvKey; end: KvKey }, options: { batchSize: number }): AsyncIterable<KvEntry>;
  atomic(): KvAtomic;
  close(): void;
}

interface KvAtomic {
  check(check: { key: KvKey; versionstamp: string | null }): KvAtomic;
  set(key: KvKey, value: Uint8Array, options: { expireIn?: number }): KvAtomic;
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

type KvKey = readonly [string, Uint8Array];

interface KvEntry {
  key: KvKey;
  value: Uint8Array | null;
  versionstamp: string | null;
}

declare const Deno: { openKv?(path?: string): Promise<Kv> };

/** Sets the store's keys apart from others in the same database. */
const SPACE = "millrace";
/** What Deno KV takes, in bytes. A key has some of its own beside ours. */
const MAX_KEY_BYTES = 2000;
const MAX_VALUE_BYTES = 65_536;
/** How much longer than an entry Deno KV keeps it, in milliseconds: no instance's clock is that much behind. */
const LINGER_MS = 60_000;
/** The most entries that Deno KV reads at once. */
const MAX_BATCH = 500;
/**
 * How long an operation may take, in milliseconds. While another process holds the file, it is tried again for that time,
 * with these pauses between.
 */
const BUSY_MS = 5000;
const BUSY_PAUSE_MS = 10;
/** The most operations that wait for an answer. */
const MAX_UNDER_WAY = 20_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Opens the store at its first use. A value and its metadata may have 64 KiB together, a key 2,000 bytes. In a file each
 * write waits for the disk; SQLite gathers them and is many times faster.
 *
 * @example
 * const store = denoKvStore({ clock: { now: Date.now } });
 */
export function denoKvStore({ path, clock }: DenoKvStoreOptions): Store {
  let opening: Promise<Handles> | null = null;
  const underWay = new Set<Promise<unknown>>();
  let closed = false;

  function open(): Promise<Handles> {
    opening ??= openHandles(path).catch((error) => {
      opening = null;
      throw error;
    });
    return opening;
  }

  /** Runs one operation, which `close` waits for. */
  function operation<T>(work: (handles: Handles) => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new Error("the Deno KV store is closed"));
    if (underWay.size >= MAX_UNDER_WAY) {
      return Promise.reject(new Error(`Deno KV: ${MAX_UNDER_WAY} operations wait for it already`));
    }
    const result = inTime(unlocked(async () => work(await open()))).catch((cause) => {
      throw new Error(`Deno KV: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    });
    const settled: Promise<unknown> = result.then(
      () => underWay.delete(settled),
      () => underWay.delete(settled),
    );
    underWay.add(settled);
    return result;
  }

  const live = (value: Uint8Array | null) => {
    const stored = value === null ? null : decode(value);
    return stored !== null && stored.endsMs > clock.now() ? stored : null;
  };

  return {
    traits: { name: "deno-kv", readAfterWrite: true, durable: true, shared: true },

    async get(key): Promise<StoreEntry | null> {
      const name = keyOf(key);
      const { value, versionstamp } = await operation(({ reader }) => reader.get(name));
      const stored = live(value);
      if (stored === null) return null;
      return { value: stored.value, metadata: stored.metadata, version: versionstamp! };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null }: PutOptions = {}) {
      const name = keyOf(key);
      mustBeText("value", value);
      const endsMs = expiryMs(clock.now(), ttlSeconds);
      const bytes = encoder.encode(`${JSON.stringify([endsMs, metadata])}\n${value}`);
      if (bytes.length > MAX_VALUE_BYTES) {
        throw new TypeError(
          `${bytes.length} bytes of value and metadata are too many for Deno KV, which takes ${MAX_VALUE_BYTES}`,
        );
      }
      const expireIn = Math.max(0, Math.ceil(endsMs - clock.now())) + LINGER_MS;
      const options = endsMs === NEVER_MS ? {} : { expireIn };
      return operation(async ({ writer }) => {
        if (ifVersion === undefined) {
          const { versionstamp } = await writer.set(name, bytes, options);
          return { ok: true, version: versionstamp };
        }
        const stored = await writer.get(name);
        const version = live(stored.value) === null ? null : stored.versionstamp;
        if (version !== ifVersion) return { ok: false };
        const { versionstamp } = stored;
        const written = await writer
          .atomic()
          .check({ key: name, versionstamp })
          .set(name, bytes, options)
          .commit();
        return written.ok ? { ok: true, version: written.versionstamp } : { ok: false };
      });
    },

    async delete(key) {
      const name = keyOf(key);
      await operation(({ writer }) => writer.delete(name));
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      const end = keyOf(prefix)[1];
      const start = cursor ? keyOf(cursor)[1] : end;
      // A byte FF occurs in no UTF-8 text: with it behind the prefix comes after all that begins with the prefix.
      const range = { start: [SPACE, start], end: [SPACE, Uint8Array.of(...end, 0xff)] } as const;
      return operation(async ({ reader }) => {
        const entries: { key: string; metadata: Json }[] = [];
        for await (const entry of reader.list(range, { batchSize: Math.min(limit + 1, MAX_BATCH) })) {
          const stored = live(entry.value);
          if (stored === null) continue;
          const key = decoder.decode(entry.key[1]);
          if (entries.length === limit) return { entries, cursor: key };
          entries.push({ key, metadata: stored.metadata });
        }
        return { entries, cursor: null };
      });
    },

    async close() {
      closed = true;
      while (underWay.size > 0) await Promise.all(underWay);
      const handles = await opening?.catch(() => null);
      opening = null;
      for (const kv of new Set(Object.values(handles ?? {}))) kv.close();
    },
  };
}

/** The same database twice. */
interface Handles {
  writer: Kv;
  /** Reads do not wait behind writes: Deno KV does one thing after the other for each handle to a file. */
  reader: Kv;
}

async function openHandles(path: string | undefined): Promise<Handles> {
  if (Deno.openKv === undefined) {
    throw new Error('start Deno with --unstable-kv, or put "unstable": ["kv"] into deno.json');
  }
  // Neither Deno Deploy's own database, nor one at a URL or in memory.
  const isFile = path !== undefined && path !== "" && !/^(https?:|:)/.test(path);
  if (isFile) {
    const { makePrivate } = await import("./private-file.ts");
    makePrivate(path, ["-wal", "-shm"]);
  }
  const writer = await Deno.openKv(path || undefined);
  if (!isFile) return { writer, reader: writer };
  try {
    const reader = await Deno.openKv(path);
    // A new handle first deletes expired entries, in its own thread. Until that is done its reads wait, for as long as
    // another process holds the write lock. One read here, while the file is known to be free, ends that.
    await reader.get([SPACE, new Uint8Array()]);
    return { writer, reader };
  } catch (error) {
    writer.close();
    throw error;
  }
}

/** Waits for an answer, but no longer than it may take; what was asked may come to pass all the same. */
function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${BUSY_MS} ms`)), BUSY_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * Tries again while another process writes to the file or sets up a new one: Deno KV may then fail at once, with nothing
 * written. Its own service is never locked.
 */
async function unlocked<T>(work: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + BUSY_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > endMs || !/database is locked/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
    }
  }
}

interface Stored {
  endsMs: number;
  metadata: Json;
  value: string;
}

/** @throws {Error} without a word of a value that millrace did not write: what `JSON.parse` throws quotes it. */
function decode(bytes: Uint8Array): Stored {
  const text = decoder.decode(bytes);
  const end = text.indexOf("\n");
  try {
    const [endsMs, metadata] = JSON.parse(text.slice(0, end)) as [number, Json];
    return { endsMs, metadata, value: text.slice(end + 1) };
  } catch {
    throw new Error("Deno KV has a value that millrace did not write; give millrace a database of its own");
  }
}

function keyOf(key: string): KvKey {
  mustBeText("key", key);
  const bytes = encoder.encode(key);
  if (bytes.length > MAX_KEY_BYTES) {
    throw new TypeError(
      `a key of ${bytes.length} bytes is too long for Deno KV, which takes ${MAX_KEY_BYTES}`,
    );
  }
  return [SPACE, bytes];
}

/** The texts become UTF-8, in which half of a surrogate pair cannot be written: refused, not altered. */
function mustBeText(what: string, text: string): void {
  if (!text.isWellFormed()) throw new TypeError(`a ${what} for Deno KV must be well-formed Unicode`);
}
