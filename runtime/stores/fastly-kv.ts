/**
 * A store in a Fastly KV store.
 *
 * The host has generations for compare-and-swap, but its JavaScript SDK does not return the generation of what it reads. The
 * SDK does have a put that succeeds only if the key is absent (`mode: "add"`), so a write is a race for a name:
 *
 * - the **head** of a key, `h:<key>`, holds the newest value and its number;
 * - to write number n + 1, a writer first **claims** that number: it adds `c:<n + 1>:<key>`, which succeeds for one writer;
 * - the winner writes its value to the head, then checks for a later claim, so that of several writers that publish at the
 *   same time the newest value is written last.
 *
 * A claim also holds the value: if a writer dies between the two steps, the next writer publishes for it. A deletion is a
 * write. An expired or deleted key keeps its head, without a value, until all claims on it are gone: the host may remove
 * expired entries up to a day late, and numbers must not start again before that.
 * @module
 */
import type { Clock, Json, PutOptions, Store } from "../platform.ts";
import { expiryMs, NEVER_MS } from "./expiry.ts";
import { StoreGuard } from "./guard.ts";

/** The part of the SDK's `KVStoreEntry` that is used here. */
export interface FastlyKvEntry {
  text(): Promise<string>;
  metadataText(): string | null;
}

/** The part of the SDK's `KVStore` that is used here. */
export interface FastlyKv {
  get(key: string): Promise<FastlyKvEntry | null>;
  put(
    key: string,
    value: string,
    options: { mode: "add" | "overwrite"; metadata: string; ttl?: number },
  ): Promise<unknown>;
  list(options: {
    prefix: string;
    limit: number;
    cursor?: string;
  }): Promise<{ list: string[]; cursor?: string | undefined }>;
}

export interface FastlyKvStoreOptions {
  /** Opens the SDK's `KVStore`. Called once, by the first operation: the host allows it only while it serves a request. */
  open(): FastlyKv;
  /** The time by which entries expire, and the timers for retries. */
  clock: Clock;
}

/** One state of a key. */
interface State {
  /** Number of writes of the key so far; 0: none. */
  number: number;
  /** Expiry, in milliseconds since the epoch; 0: deleted, or never written. */
  expiresMs: number;
  metadata: Json;
  value: string;
}

const ABSENT: State = { number: 0, expiresMs: 0, metadata: null, value: "" };

/** Lifetime of a claim, in seconds: many times longer than any request. */
const CLAIM_SECONDS = 3600;
/** Minimum lifetime of a head, in seconds: the host removes expired claims within a day. */
const LINGER_SECONDS = CLAIM_SECONDS + 25 * 3600;
/** First pause of a writer that lost a race and waits for the winner to publish, in milliseconds; each pause doubles. */
const FIRST_PAUSE_MS = 2;
const PAUSES = 11;
/** Pause before a refused write is repeated, in milliseconds: the host accepts one write per key and second. */
const BUSY_PAUSE_MS = 1100;
const BUSY_TRIES = 5;
/** Maximum number of attempts of an unconditional put or a deletion. */
const MAX_TRIES = 100;
/** Heads that a listing reads in parallel. */
const READS_AT_ONCE = 50;
const MAX_KEY_BYTES = 1024;
const MAX_METADATA_BYTES = 1000;

const encoder = new TextEncoder();

/**
 * Opens the store. Of the host it only needs that `mode: "add"` succeeds once per key; see the text of the module.
 *
 * Reads may be some seconds old, and older from a distant point of presence. A stale read never loses a write: its claim
 * fails.
 */
export function fastlyKvStore({ open, clock }: FastlyKvStoreOptions): Store {
  const guard = new StoreGuard("the Fastly KV store");
  let opened: FastlyKv | undefined;

  function kv(): FastlyKv {
    opened ??= open();
    return opened;
  }

  function mustBeUsable(key: string): void {
    guard.mustBeUsable(key);
    if (encoder.encode(claimOf(key, Number.MAX_SAFE_INTEGER)).length > MAX_KEY_BYTES) {
      throw new TypeError(`a key of ${key.length} characters is too long for a Fastly KV store`);
    }
  }

  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const isLive = (state: State) => state.expiresMs > clock.now();

  /** @returns `null` if the host has no entry with that name. */
  async function read(name: string): Promise<State | null> {
    const entry = await kv().get(name);
    return entry === null ? null : { ...stateOf(entry), value: await entry.text() };
  }

  const head = async (key: string) => (await read(headOf(key))) ?? ABSENT;

  /** Adds the claim on a state's number. @returns false if another writer was first. */
  async function claim(key: string, state: State): Promise<boolean> {
    try {
      await kv().put(claimOf(key, state.number), state.value, {
        mode: "add",
        metadata: metadataOf(state),
        ttl: CLAIM_SECONDS,
      });
      return true;
    } catch (error) {
      if (/precondition failed/i.test(String(error))) return false;
      throw error;
    }
  }

  async function putHead(key: string, state: State): Promise<void> {
    const endless = state.expiresMs === NEVER_MS;
    const leftSeconds = Math.ceil((state.expiresMs - clock.now()) / 1000);
    const options = {
      mode: "overwrite",
      metadata: metadataOf(state),
      ...(endless ? {} : { ttl: Math.max(leftSeconds, LINGER_SECONDS) }),
    } as const;
    for (let left = BUSY_TRIES; ; left--) {
      try {
        await kv().put(headOf(key), state.value, options);
        return;
      } catch (error) {
        if (left === 0 || !/too many requests/i.test(String(error))) throw error;
        await pause(BUSY_PAUSE_MS);
      }
    }
  }

  /** Writes a claimed state to the head, then every later state that is claimed by then. */
  async function publish(key: string, claimed: State): Promise<void> {
    for (let state: State | null = claimed; state !== null; ) {
      await putHead(key, state);
      state = await read(claimOf(key, state.number + 1));
    }
  }

  /** Waits until the writer of a number has published it. Publishes it if that takes too long. */
  async function waitForPublished(key: string, number: number): Promise<void> {
    for (let n = 0; n < PAUSES; n++) {
      if ((await head(key)).number >= number) return;
      await pause(FIRST_PAUSE_MS * 2 ** n);
    }
    const claimed = await read(claimOf(key, number));
    if (claimed !== null) await publish(key, claimed);
  }

  /**
   * Writes what `change` returns for the current state.
   * @param once whether to give up after one lost race
   * @returns the new state; `null` if `change` returned `null` or the race was lost.
   */
  async function write(
    key: string,
    once: boolean,
    change: (current: State) => Omit<State, "number"> | null,
  ): Promise<State | null> {
    for (let left = MAX_TRIES; left > 0; left--) {
      const current = await head(key);
      const wanted = change(current);
      if (wanted === null) return null;
      const next = { ...wanted, number: current.number + 1 };
      if (await claim(key, next)) {
        await publish(key, next);
        return next;
      }
      await waitForPublished(key, next.number);
      if (once) return null;
    }
    throw new Error(
      `cannot write a key of the Fastly KV store: other writers won ${MAX_TRIES} times in a row`,
    );
  }

  return {
    traits: { name: "fastly-kv", readAfterWrite: false, durable: true, shared: true },

    async get(key) {
      mustBeUsable(key);
      const state = await head(key);
      if (!isLive(state)) return null;
      return { value: state.value, metadata: state.metadata, version: String(state.number) };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null }: PutOptions = {}) {
      mustBeUsable(key);
      guard.mustBeText("value", value);
      const next = { value, metadata, expiresMs: expiryMs(clock.now(), ttlSeconds) };
      if (
        encoder.encode(metadataOf({ ...next, number: Number.MAX_SAFE_INTEGER })).length > MAX_METADATA_BYTES
      ) {
        throw new TypeError(
          `the metadata is too long for a Fastly KV store, which takes ${MAX_METADATA_BYTES} bytes`,
        );
      }
      const written = await write(key, ifVersion !== undefined, (current) => {
        const version = isLive(current) ? String(current.number) : null;
        return ifVersion === undefined || ifVersion === version ? next : null;
      });
      return written === null ? { ok: false } : { ok: true, version: String(written.number) };
    },

    async delete(key) {
      mustBeUsable(key);
      const deleted = await write(key, false, (current) => (isLive(current) ? ABSENT : null));
      if (deleted === null) return;
      // Overwrite old claims so that deleted values do not survive until they expire.
      const emptied = { mode: "overwrite", ttl: CLAIM_SECONDS } as const;
      for (let number = deleted.number - 1; number > 0; number--) {
        const name = claimOf(key, number);
        if ((await kv().get(name)) === null) return;
        await kv().put(name, "", { ...emptied, metadata: metadataOf({ ...ABSENT, number }) });
      }
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      mustBeUsable(prefix);
      const page = await kv().list({
        prefix: headOf(prefix),
        limit,
        ...(typeof cursor === "string" ? { cursor } : {}),
      });
      const entries: { key: string; metadata: Json }[] = [];
      for (let at = 0; at < page.list.length; at += READS_AT_ONCE) {
        const names = page.list.slice(at, at + READS_AT_ONCE);
        const found = await Promise.all(names.map((name) => kv().get(name)));
        found.forEach((entry, n) => {
          if (entry === null) return;
          const state = stateOf(entry);
          if (state.expiresMs > clock.now()) {
            entries.push({ key: keyOf(names[n]!), metadata: state.metadata });
          }
        });
      }
      return { entries, cursor: page.cursor ?? null };
    },

    async close() {
      guard.close();
    },
  };
}

/** A state without its value, as the host's metadata. */
function metadataOf({ number, expiresMs, metadata }: State): string {
  return JSON.stringify([number, expiresMs, metadata]);
}

function stateOf(entry: FastlyKvEntry): Omit<State, "value"> {
  const text = entry.metadataText() ?? "";
  if (!text.startsWith("[")) {
    throw new Error(
      "the Fastly KV store has an entry that millrace did not write; give millrace a store of its own",
    );
  }
  const [number, expiresMs, metadata] = JSON.parse(text);
  return { number, expiresMs, metadata };
}

/** Characters that the host refuses in keys or in some places of them, and the escape character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among them.
const SPECIAL = /[\x00-\x1f\x7f#;?^|/~]/g;

/** Escapes each character separately, so that an escaped prefix is a prefix of the escaped key. */
const escapeKey = (text: string) =>
  text.replace(SPECIAL, (char) => `~${char.charCodeAt(0).toString(16).padStart(2, "0")}`);

const headOf = (key: string) => `h:${escapeKey(key)}`;
const claimOf = (key: string, number: number) => `c:${number}:${escapeKey(key)}`;

function keyOf(headName: string): string {
  return headName
    .slice(2)
    .replace(/~([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
