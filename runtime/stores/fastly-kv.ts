/**
 * A store in a Fastly KV store.
 *
 * The host has generations for compare-and-swap, but its JavaScript SDK never tells the generation of what it reads.
 * What it does have is a put that succeeds only where there is nothing (`mode: "add"`), so a write is a race for a name:
 *
 * - the **head** of a key, `h:<key>`, holds the newest value and its number;
 * - whoever wants to write number n + 1 must first **claim** it by adding `c:<n + 1>:<key>`, which exactly one can;
 * - the winner then puts its value at the head, and looks whether a later claim has been made meanwhile, so that of
 *   several writers that publish at once the last word is the newest value.
 *
 * A claim holds the value, too: where a writer died between the two steps, the next one publishes for it. A deletion
 * is a write like any other. What has ended or was deleted keeps its head, without a value, until all claims on it are
 * gone, because the host may remove expired entries up to a day late and numbers must never start anew before that.
 * @module
 */
import type { Clock, Json, PutOptions, Store } from "../platform.ts";
import { expiryMs, NEVER_MS } from "./expiry.ts";

/** As much of the SDK's `KVStoreEntry` as is used here. */
export interface FastlyKvEntry {
  text(): Promise<string>;
  metadataText(): string | null;
}

/** As much of the SDK's `KVStore` as is used here. */
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
  /** An SDK's `KVStore`; called once, at the first use, because the host allows that only while it serves a request. */
  open(): FastlyKv;
  clock: Clock;
}

/** One state of a key. */
interface State {
  /** Counts the writes of the key; 0: there was none. */
  number: number;
  /** When it ends, in milliseconds since the epoch; 0: it was deleted, or never was. */
  expiresMs: number;
  metadata: Json;
  value: string;
}

const NOTHING: State = { number: 0, expiresMs: 0, metadata: null, value: "" };

/** How long a claim stays, in seconds: many times what any request lives. */
const CLAIM_SECONDS = 3600;
/** How much longer than a claim a head stays at least: the host removes what has expired within a day. */
const LINGER_SECONDS = CLAIM_SECONDS + 25 * 3600;
/** The pauses in which a writer that lost waits for the winner to publish, in milliseconds; they double. */
const FIRST_PAUSE_MS = 2;
const PAUSES = 11;
/** The host takes one write a second for each key; a refused one is tried again after this many milliseconds. */
const BUSY_PAUSE_MS = 1100;
const BUSY_TRIES = 5;
/** How often an unconditional put, or a deletion, tries again. */
const MAX_TRIES = 100;
/** How many heads are read at once for a page. */
const READS_AT_ONCE = 50;
const MAX_KEY_BYTES = 1024;
const MAX_METADATA_BYTES = 1000;

const encoder = new TextEncoder();

/**
 * Opens the store. It needs what `mode: "add"` promises and nothing more; see the module's text.
 *
 * Reads may be some seconds old, from a distant point of presence more. A stale read never leads to a lost write: the
 * claim then fails.
 */
export function fastlyKvStore({ open, clock }: FastlyKvStoreOptions): Store {
  let opened: FastlyKv | undefined;
  let closed = false;

  function kv(): FastlyKv {
    opened ??= open();
    return opened;
  }

  function mustBeUsable(key: string): void {
    if (closed) throw new Error("the Fastly KV store is closed");
    mustBeText("key", key);
    if (encoder.encode(claimOf(key, Number.MAX_SAFE_INTEGER)).length > MAX_KEY_BYTES) {
      throw new TypeError(`a key of ${key.length} characters is too long for a Fastly KV store`);
    }
  }

  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const isLive = (state: State) => state.expiresMs > clock.now();

  /** @returns `null` if there is nothing under that name. */
  async function read(name: string): Promise<State | null> {
    const entry = await kv().get(name);
    return entry === null ? null : { ...factsOf(entry), value: await entry.text() };
  }

  const head = async (key: string) => (await read(headOf(key))) ?? NOTHING;

  /** Puts a state under the name of the write that makes it. @returns false if another writer was first. */
  async function claim(key: string, state: State): Promise<boolean> {
    try {
      await kv().put(claimOf(key, state.number), state.value, {
        mode: "add",
        metadata: textOf(state),
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
      metadata: textOf(state),
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

  /** Puts a claimed state at the head, and every later one that has been claimed by then. */
  async function publish(key: string, claimed: State): Promise<void> {
    for (let state: State | null = claimed; state !== null; ) {
      await putHead(key, state);
      state = await read(claimOf(key, state.number + 1));
    }
  }

  /** Waits until the writer of a number has published, and publishes for it if it does not. */
  async function caughtUp(key: string, number: number): Promise<void> {
    for (let n = 0; n < PAUSES; n++) {
      if ((await head(key)).number >= number) return;
      await pause(FIRST_PAUSE_MS * 2 ** n);
    }
    const claimed = await read(claimOf(key, number));
    if (claimed !== null) await publish(key, claimed);
  }

  /**
   * Writes what `change` makes of the current state.
   * @param once whether to give up after losing a race
   * @returns the new state; `null`: there was nothing to change, or the race was lost.
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
      await caughtUp(key, next.number);
      if (once) return null;
    }
    throw new Error(
      `others wrote a key of the Fastly KV store ${MAX_TRIES} times in a row; nothing was written`,
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
      mustBeText("value", value);
      const next = { value, metadata, expiresMs: expiryMs(clock.now(), ttlSeconds) };
      if (encoder.encode(textOf({ ...next, number: Number.MAX_SAFE_INTEGER })).length > MAX_METADATA_BYTES) {
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
      const deleted = await write(key, false, (current) => (isLive(current) ? NOTHING : null));
      if (deleted === null) return;
      // What was deleted must not lie about in the claims until they end.
      const emptied = { mode: "overwrite", ttl: CLAIM_SECONDS } as const;
      for (let number = deleted.number - 1; number > 0; number--) {
        const name = claimOf(key, number);
        if ((await kv().get(name)) === null) return;
        await kv().put(name, "", { ...emptied, metadata: textOf({ ...NOTHING, number }) });
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
          const facts = factsOf(entry);
          if (facts.expiresMs > clock.now())
            entries.push({ key: keyOf(names[n]!), metadata: facts.metadata });
        });
      }
      return { entries, cursor: page.cursor ?? null };
    },

    async close() {
      closed = true;
    },
  };
}

/** A state's facts but the value, as the host keeps them beside it. */
function textOf({ number, expiresMs, metadata }: State): string {
  return JSON.stringify([number, expiresMs, metadata]);
}

function factsOf(entry: FastlyKvEntry): Omit<State, "value"> {
  const text = entry.metadataText() ?? "";
  if (!text.startsWith("[")) {
    throw new Error(
      "the Fastly KV store has an entry that millrace did not write; give millrace a store of its own",
    );
  }
  const [number, expiresMs, metadata] = JSON.parse(text);
  return { number, expiresMs, metadata };
}

/** Characters that the host takes in no key, or not everywhere, and the one that marks those escaped. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among them.
const SPECIAL = /[\x00-\x1f\x7f#;?^|/~]/g;

/** Each character by itself, so that a prefix stays one. */
const escaped = (text: string) =>
  text.replace(SPECIAL, (char) => `~${char.charCodeAt(0).toString(16).padStart(2, "0")}`);

const headOf = (key: string) => `h:${escaped(key)}`;
const claimOf = (key: string, number: number) => `c:${number}:${escaped(key)}`;

function keyOf(headName: string): string {
  return headName
    .slice(2)
    .replace(/~([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function mustBeText(what: string, text: string): void {
  if (!text.isWellFormed())
    throw new TypeError(`a ${what} for the Fastly KV store must be well-formed Unicode`);
}
