/**
 * A store in Deno KV: on Deno Deploy, or in a file of this machine.
 *
 * Each entry is one value of bytes: a line of JSON with its expiry and its metadata, then the value in UTF-8. Its version is
 * the versionstamp of its last write, which Deno KV never uses twice in one database. The given clock decides whether an
 * entry has expired; Deno KV's own expiry, a minute later, only frees the space.
 * @module
 */
import type { Clock, Json, PutOptions, Store, StoreEntry } from "../platform.ts";
import { expiryMs, NEVER_MS } from "./expiry.ts";
import { elapsedMs, Operations, StoreGuard, TIMEOUT_MS, withHint, within } from "./guard.ts";

export interface DenoKvStoreOptions {
  /** The file, which is created if absent. Default, and if empty: the database that Deno Deploy has for this project. */
  path?: string;
  /** The time by which entries expire, and the timers for timeouts and retries. */
  clock: Clock;
}

/** The part of Deno KV that is used here. */
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

/** First part of every key: separates the store's keys from others in the same database. */
const SPACE = "millrace";
/** Limits of Deno KV, in bytes. It adds some bytes to each key. */
const MAX_KEY_BYTES = 2000;
const MAX_VALUE_BYTES = 65_536;
/** How long Deno KV keeps an expired entry, in milliseconds: more than the clocks of two instances differ. */
const LINGER_MS = 60_000;
/** Largest batch that Deno KV reads. */
const MAX_BATCH = 500;
/** Pause before an operation is repeated while another process holds the file, in milliseconds. */
const BUSY_PAUSE_MS = 10;
/** Maximum number of pending operations. */
const MAX_PENDING = 20_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The same database, opened twice. */
interface Handles {
  writer: Kv;
  /** Deno KV runs the operations of one handle to a file one after the other: on their own handle reads do not wait for writes. */
  reader: Kv;
}

/** A database that the first operation opens. */
class Database {
  readonly #path: string | undefined;
  readonly #clock: Clock;
  readonly #operations = new Operations({
    name: "the Deno KV store",
    maxPending: MAX_PENDING,
    explain: (cause) => withHint("Deno KV", cause, []),
  });
  #opening: Promise<Handles> | null = null;

  constructor(path: string | undefined, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Runs one operation. It may take effect even after its timeout. */
  run<T>(work: (handles: Handles) => Promise<T>): Promise<T> {
    return this.#operations.run(() =>
      within(
        this.#unlocked(async () => work(await this.#open())),
        TIMEOUT_MS.denoKv,
        this.#clock,
      ),
    );
  }

  async close(): Promise<void> {
    await this.#operations.close();
    const handles = await this.#opening?.catch(() => null);
    this.#opening = null;
    for (const kv of new Set(Object.values(handles ?? {}))) kv.close();
  }

  #open(): Promise<Handles> {
    this.#opening ??= openHandles(this.#path).catch((error) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  /**
   * Repeats work while another process writes to the file or sets up a new one: Deno KV may then fail at once, with nothing
   * written. The database of Deno Deploy is never locked.
   */
  async #unlocked<T>(work: () => Promise<T>): Promise<T> {
    const endMs = elapsedMs(this.#clock) + TIMEOUT_MS.denoKv;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (elapsedMs(this.#clock) > endMs || !/database is locked/.test(String(error))) throw error;
        await new Promise<void>((resolve) => void this.#clock.after(BUSY_PAUSE_MS, resolve));
      }
    }
  }
}

/**
 * Opens the store. The first operation opens the database. A value and its metadata may have 64 KiB together, a key 2,000
 * bytes. In a file each write waits for the disk; SQLite groups writes and is many times faster.
 *
 * @example
 * const store = denoKvStore({ clock });
 */
export function denoKvStore({ path, clock }: DenoKvStoreOptions): Store {
  const guard = new StoreGuard("the Deno KV store");
  const database = new Database(path, clock);

  const live = (value: Uint8Array | null) => {
    const stored = value === null ? null : decode(value);
    return stored !== null && stored.endsMs > clock.now() ? stored : null;
  };

  function keyOf(key: string): KvKey {
    guard.mustBeText("key", key);
    const bytes = encoder.encode(key);
    if (bytes.length <= MAX_KEY_BYTES) return [SPACE, bytes];
    throw new TypeError(
      `a key of ${bytes.length} bytes is too long for Deno KV, which takes ${MAX_KEY_BYTES}`,
    );
  }

  return {
    traits: { name: "deno-kv", readAfterWrite: true, durable: true, shared: true },

    async get(key): Promise<StoreEntry | null> {
      const name = keyOf(key);
      const { value, versionstamp } = await database.run(({ reader }) => reader.get(name));
      const stored = live(value);
      if (stored === null) return null;
      return { value: stored.value, metadata: stored.metadata, version: versionstamp! };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null }: PutOptions = {}) {
      const name = keyOf(key);
      guard.mustBeText("value", value);
      const endsMs = expiryMs(clock.now(), ttlSeconds);
      const bytes = encoder.encode(`${JSON.stringify([endsMs, metadata])}\n${value}`);
      if (bytes.length > MAX_VALUE_BYTES) {
        throw new TypeError(
          `${bytes.length} bytes of value and metadata are too many for Deno KV, which takes ${MAX_VALUE_BYTES}`,
        );
      }
      const expireIn = Math.max(0, Math.ceil(endsMs - clock.now())) + LINGER_MS;
      const options = endsMs === NEVER_MS ? {} : { expireIn };
      return database.run(async ({ writer }) => {
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
      await database.run(({ writer }) => writer.delete(name));
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      const end = keyOf(prefix)[1];
      const start = cursor ? keyOf(cursor)[1] : end;
      // UTF-8 has no byte FF: the prefix followed by it sorts after every key that begins with the prefix.
      const range = { start: [SPACE, start], end: [SPACE, Uint8Array.of(...end, 0xff)] } as const;
      return database.run(async ({ reader }) => {
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

    close: () => database.close(),
  };
}

async function openHandles(path: string | undefined): Promise<Handles> {
  if (Deno.openKv === undefined) {
    throw new Error('start Deno with --unstable-kv, or put "unstable": ["kv"] into deno.json');
  }
  // Not the database of Deno Deploy, nor one at a URL or in memory.
  const isFile = path !== undefined && path !== "" && !/^(https?:|:)/.test(path);
  if (isFile) {
    const { makePrivate } = await import("./private-file.ts");
    makePrivate(path, ["-wal", "-shm"]);
  }
  const writer = await Deno.openKv(path || undefined);
  if (!isFile) return { writer, reader: writer };
  try {
    const reader = await Deno.openKv(path);
    // A new handle first deletes expired entries, in its own thread. Until then its reads wait for as long as another process
    // holds the write lock. One read here, while the file is known to be free, completes that.
    await reader.get([SPACE, new Uint8Array()]);
    return { writer, reader };
  } catch (error) {
    writer.close();
    throw error;
  }
}

interface Stored {
  endsMs: number;
  metadata: Json;
  value: string;
}

/** @throws {Error} that quotes nothing of a value that millrace did not write. `JSON.parse` would quote it. */
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
