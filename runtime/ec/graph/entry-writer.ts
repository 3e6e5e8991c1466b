/**
 * Writes entries of the graph: every change is one step or a compare-and-swap.
 * @module
 */
import type { Clock, Random, Store, StoreEntry } from "../../platform.ts";
import { decodeEntry, type GraphEntry, metadataOf, ttlOf } from "./entry.ts";

/** Maximum number of retries of a write that lost a race. */
const MAX_RETRIES = 8;
/** Backoff after the first lost race, in milliseconds. It doubles, and a random part of it is waited. */
const FIRST_PAUSE_MS = 4;

/** One change: from the stored entry (or `null`) to the new one; `null` leaves it. Must be pure: it may run again. */
export type Change = (stored: GraphEntry | null) => GraphEntry | null;

/** A write lost every race. The store works; only this write was not made. */
export class ContentionError extends Error {
  constructor() {
    super(`a graph entry was changed by others ${MAX_RETRIES + 1} times in a row; nothing was written`);
    this.name = "ContentionError";
  }
}

/**
 * Changes entries of a store. If the store cannot change an entry in one step, this process gathers its changes to one id and
 * writes them together, so that a write can lose its race only to another process.
 */
export class EntryWriter {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  /** The gathered changes of each id, for its next batch. */
  readonly #waiting = new Map<string, Change[]>();
  /** The last batch of each id that is being written. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(store: Store, clock: Clock, random: Random) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /** Makes a change: in one step if the store can, else in the next batch of its id. */
  update(id: string, change: Change): Promise<void> {
    if (this.#store.update) {
      return this.#store.update(keyOf(id), (stored) => changed(decoded(stored), [change]));
    }
    const gathered = this.#waiting.get(id);
    if (gathered !== undefined) {
      gathered.push(change);
      return this.#running.get(id)!;
    }
    this.#waiting.set(id, [change]);
    const batch = this.#nextBatch(id, this.#running.get(id));
    this.#running.set(id, batch);
    return batch;
  }

  /** Whether a batch of an id is gathered or being written. */
  isWriting(id: string): boolean {
    return this.#running.has(id);
  }

  /** Waits until the batches of an id have ended. Never rejects. */
  settled(id: string): Promise<void> | undefined {
    return this.#running.get(id)?.catch(() => {});
  }

  /** Waits for the previous batch, if there is one, and then writes the changes that were gathered meanwhile. */
  async #nextBatch(id: string, previous: Promise<void> | undefined): Promise<void> {
    await previous?.catch(() => {});
    const changes = this.#waiting.get(id)!;
    this.#waiting.delete(id);
    try {
      await this.#writeAll(id, changes);
    } finally {
      // Otherwise the batch that was gathered meanwhile runs now.
      if (!this.#waiting.has(id)) this.#running.delete(id);
    }
  }

  /** Applies the gathered changes of one id in one write, with retries after lost races. */
  async #writeAll(id: string, changes: readonly Change[]): Promise<void> {
    const key = keyOf(id);
    for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
      if (attempt > 0) await this.#pause(attempt - 1);
      const stored = await this.#store.get(key);
      const after = changed(entryOf(stored), changes);
      if (after === null) return;
      const { value, ttlSeconds, metadata } = after;
      const ifVersion = stored === null ? null : stored.version;
      const put = await this.#store.put(key, value, { ifVersion, ttlSeconds, metadata });
      if (put.ok) return;
    }
    throw new ContentionError();
  }

  #pause(attempt: number): Promise<void> {
    return new Promise((resolve) => {
      const byte = new Uint8Array(1);
      this.#random.fill(byte);
      this.#clock.after(Math.ceil(FIRST_PAUSE_MS * 2 ** attempt * ((byte[0]! + 1) / 256)), resolve);
    });
  }
}

/** The entry of what a store returned. */
export function entryOf(stored: StoreEntry | null): GraphEntry | null {
  return decoded(stored?.value);
}

function decoded(value: string | null | undefined): GraphEntry | null {
  return typeof value === "string" ? decodeEntry(value) : null;
}

/** What to write after these changes to a stored entry; `null`: nothing. */
function changed(before: GraphEntry | null, changes: readonly Change[]) {
  let after = before;
  for (const change of changes) after = change(after) ?? after;
  if (after === null || after === before) return null;
  return { value: JSON.stringify(after), ttlSeconds: ttlOf(after), metadata: metadataOf(after) };
}

/** The graph's key of an id, in a store that it may share. */
export function keyOf(id: string): string {
  return `ec:${id}`;
}
