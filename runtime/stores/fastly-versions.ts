/**
 * The versions of a key in a Fastly KV store: a head with the newest state, and a claim for each write; see `fastly-kv.ts`.
 * @module
 */
import type { Clock, Json } from "../platform.ts";
import { NEVER_MS } from "./expiry.ts";

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

/** One state of a key. */
export interface State {
  /** Number of writes of the key so far; 0: none. */
  number: number;
  /** Expiry, in milliseconds since the epoch; 0: deleted, or never written. */
  expiresMs: number;
  metadata: Json;
  value: string;
}

export const ABSENT: State = { number: 0, expiresMs: 0, metadata: null, value: "" };

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

export interface VersionedKeysOptions {
  /** Opens the SDK's `KVStore`. Called once, by the first operation. */
  open(): FastlyKv;
  clock: Clock;
}

/** Reads and writes the states of keys. Of several racing writers of a number exactly one wins. */
export class VersionedKeys {
  readonly #open: () => FastlyKv;
  readonly #clock: Clock;
  #kv: FastlyKv | undefined;

  constructor({ open, clock }: VersionedKeysOptions) {
    this.#open = open;
    this.#clock = clock;
  }

  /** The SDK's store. */
  get kv(): FastlyKv {
    this.#kv ??= this.#open();
    return this.#kv;
  }

  /** The newest state of a key. */
  async head(key: string): Promise<State> {
    return (await this.#read(headOf(key))) ?? ABSENT;
  }

  /**
   * Writes what `change` returns for the current state.
   * @param once whether to give up after one lost race
   * @returns the new state; `null` if `change` returned `null` or the race was lost.
   */
  async write(
    key: string,
    once: boolean,
    change: (current: State) => Omit<State, "number"> | null,
  ): Promise<State | null> {
    for (let left = MAX_TRIES; left > 0; left--) {
      const current = await this.head(key);
      const wanted = change(current);
      if (wanted === null) return null;
      const next = { ...wanted, number: current.number + 1 };
      if (await this.#claim(key, next)) {
        await this.#publish(key, next);
        return next;
      }
      await this.#waitForPublished(key, next.number);
      if (once) return null;
    }
    throw new Error(
      `cannot write a key of the Fastly KV store: other writers won ${MAX_TRIES} times in a row`,
    );
  }

  /** Overwrites the claims before a number, so that deleted values do not survive until the claims expire. */
  async emptyClaims(key: string, before: number): Promise<void> {
    for (let number = before - 1; number > 0; number--) {
      const name = claimOf(key, number);
      if ((await this.kv.get(name)) === null) return;
      const metadata = metadataOf({ ...ABSENT, number });
      await this.kv.put(name, "", { mode: "overwrite", ttl: CLAIM_SECONDS, metadata });
    }
  }

  /** @returns `null` if the host has no entry with that name. */
  async #read(name: string): Promise<State | null> {
    const entry = await this.kv.get(name);
    return entry === null ? null : { ...stateOf(entry), value: await entry.text() };
  }

  /** Adds the claim on a state's number. @returns false if another writer was first. */
  async #claim(key: string, state: State): Promise<boolean> {
    try {
      await this.kv.put(claimOf(key, state.number), state.value, {
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

  async #putHead(key: string, state: State): Promise<void> {
    const isEndless = state.expiresMs === NEVER_MS;
    const leftSeconds = Math.ceil((state.expiresMs - this.#clock.now()) / 1000);
    const options = {
      mode: "overwrite",
      metadata: metadataOf(state),
      ...(isEndless ? {} : { ttl: Math.max(leftSeconds, LINGER_SECONDS) }),
    } as const;
    for (let left = BUSY_TRIES; ; left--) {
      try {
        await this.kv.put(headOf(key), state.value, options);
        return;
      } catch (error) {
        if (left === 0 || !/too many requests/i.test(String(error))) throw error;
        await this.#pause(BUSY_PAUSE_MS);
      }
    }
  }

  /** Writes a claimed state to the head, then every later state that is claimed by then. */
  async #publish(key: string, claimed: State): Promise<void> {
    for (let state: State | null = claimed; state !== null; ) {
      await this.#putHead(key, state);
      state = await this.#read(claimOf(key, state.number + 1));
    }
  }

  /** Waits until the writer of a number has published it. Publishes it if that takes too long. */
  async #waitForPublished(key: string, number: number): Promise<void> {
    for (let n = 0; n < PAUSES; n++) {
      if ((await this.head(key)).number >= number) return;
      await this.#pause(FIRST_PAUSE_MS * 2 ** n);
    }
    const claimed = await this.#read(claimOf(key, number));
    if (claimed !== null) await this.#publish(key, claimed);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}

/** A state without its value, as the host's metadata. */
export function metadataOf({ number, expiresMs, metadata }: State): string {
  return JSON.stringify([number, expiresMs, metadata]);
}

export function stateOf(entry: FastlyKvEntry): Omit<State, "value"> {
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

export const headOf = (key: string) => `h:${escapeKey(key)}`;
export const claimOf = (key: string, number: number) => `c:${number}:${escapeKey(key)}`;

export function keyOf(headName: string): string {
  return headName
    .slice(2)
    .replace(/~([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
