/**
 * The identity graph: an entry for each EC id, on any {@link Store}. Every change is one step or a compare-and-swap.
 * @module
 */

import { isPending } from "../../lib/within.ts";
import type { Clock, Random, Store, StoreEntry } from "../../platform.ts";
import type { ConsentEvidence } from "../request/evidence.ts";
import {
  createdOrRevived,
  decodeEntry,
  deletionMark,
  type EntryMetadata,
  type GraphEntry,
  isTombstone,
  metadataOf,
  type PartnerId,
  seen,
  tombstoned,
  toSeconds,
  ttlOf,
  type UpsertOutcome,
  unlessDeleted,
  withPartnerId,
} from "./entry.ts";

/** Maximum number of retries of a write that lost a race. */
const MAX_RETRIES = 8;
/** Backoff after the first lost race, in milliseconds. It doubles, and a random part of it is waited. */
const FIRST_PAUSE_MS = 4;

/** One change: from the stored entry (or `null`) to the new one; `null` leaves it. Must be pure: it may run again. */
type Change = (stored: GraphEntry | null) => GraphEntry | null;

/** A partner's id to write into the graph. */
export interface Upsert extends PartnerId {
  partner: string;
}

/** A write lost every race. The store works; only this write was not made. */
export class ContentionError extends Error {
  constructor() {
    super(`a graph entry was changed by others ${MAX_RETRIES + 1} times in a row; nothing was written`);
    this.name = "ContentionError";
  }
}

/** The operations of the identity graph. All reject, or throw, when the store fails. */
export interface Graph {
  /** The entry of an id; `null`: unknown or deleted. Synchronous if the store is. */
  get(id: string): GraphEntry | null | Promise<GraphEntry | null>;
  /** The same, but a deletion mark is returned as an entry, for work that must not continue after a deletion. */
  getOrMark(id: string): GraphEntry | null | Promise<GraphEntry | null>;
  /** The metadata of an entry, without decoding the entry. */
  metadata(id: string): Promise<EntryMetadata | null>;
  /** Creates a live entry; replaces a tombstone older than `entry.created`; leaves everything else alone. */
  createOrRevive(id: string, entry: GraphEntry): Promise<void>;
  /** Writes `lastSeen` if the stored one is over 300 s old. Neither creates nor revives. */
  updateLastSeen(id: string, nowMs: number, evidence: ConsentEvidence): Promise<void>;
  /** Merges one partner's id unless the stored one is as new. Creates a minimal entry, never revives a tombstone. */
  upsertPartnerId(id: string, partner: string, uid: string, syncedSeconds: number): Promise<UpsertOutcome>;
  /** The same for several ids in one write. The outcomes have the order of `upserts`. */
  upsertPartnerIds(id: string, upserts: readonly Upsert[]): Promise<UpsertOutcome[]>;
  /** The same, but creates nothing. `null`: the graph does not know the EC id; for a deleted one each outcome is `deleted`. */
  upsertKnown(id: string, upserts: readonly Upsert[]): Promise<UpsertOutcome[] | null>;
  /**
   * Withdraws consent: replaces the entry by a tombstone for 24 hours. A second withdrawal changes nothing.
   * @param mayAdopt called only if the graph does not know the id; `false`: the id gets no tombstone.
   */
  tombstone(id: string, mayAdopt: () => boolean | Promise<boolean>): Promise<void>;
  /**
   * Deletes the entry; for data-deletion requests only. A mark replaces it for an hour, so that no write that is under way, on any
   * instance, brings the id back.
   * @param mayAdopt called only if the graph does not know the id; `false`: no write is under way, and the id gets no mark.
   */
  delete(id: string, mayAdopt?: () => boolean | Promise<boolean>): Promise<void>;
}

/**
 * Creates the identity graph on a store. If the store cannot change an entry in one step, this process gathers its changes to one
 * id and writes them together, so that a write can lose its race only to another process.
 */
export function createGraph(store: Store, clock: Clock, random: Random): Graph {
  const waiting = new Map<string, Change[]>();
  const running = new Map<string, Promise<void>>();

  const pause = (attempt: number) =>
    new Promise<void>((resolve) => {
      const byte = new Uint8Array(1);
      random.fill(byte);
      clock.after(Math.ceil(FIRST_PAUSE_MS * 2 ** attempt * ((byte[0]! + 1) / 256)), resolve);
    });

  /** What to write after these changes to a stored entry; `null`: nothing. */
  function changed(before: GraphEntry | null, changes: readonly Change[]) {
    let after = before;
    for (const change of changes) after = change(after) ?? after;
    if (after === null || after === before) return null;
    return { value: JSON.stringify(after), ttlSeconds: ttlOf(after), metadata: metadataOf(after) };
  }

  /** Applies the gathered changes of one id in one write, with retries after lost races. */
  async function writeAll(id: string, changes: readonly Change[]): Promise<void> {
    const key = keyOf(id);
    for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
      if (attempt > 0) await pause(attempt - 1);
      const stored = await store.get(key);
      const after = changed(entryOf(stored), changes);
      if (after === null) return;
      const { value, ttlSeconds, metadata } = after;
      const ifVersion = stored === null ? null : stored.version;
      const put = await store.put(key, value, { ifVersion, ttlSeconds, metadata });
      if (put.ok) return;
    }
    throw new ContentionError();
  }

  /** Waits for the previous batch, if there is one, and then writes the changes that were gathered meanwhile. */
  async function nextBatch(id: string, previous: Promise<void> | undefined): Promise<void> {
    await previous?.catch(() => {});
    const changes = waiting.get(id)!;
    waiting.delete(id);
    try {
      await writeAll(id, changes);
    } finally {
      // Otherwise the batch that was gathered meanwhile runs now.
      if (!waiting.has(id)) running.delete(id);
    }
  }

  /** Makes a change: in one step if the store can, else in the next batch of its id. */
  function update(id: string, change: Change): Promise<void> {
    if (store.update) {
      return store.update(keyOf(id), (stored) => changed(decoded(stored), [change]));
    }
    const gathered = waiting.get(id);
    if (gathered !== undefined) {
      gathered.push(change);
      return running.get(id)!;
    }
    waiting.set(id, [change]);
    const batch = nextBatch(id, running.get(id));
    running.set(id, batch);
    return batch;
  }

  const decoded = (value: string | null | undefined) =>
    typeof value === "string" ? decodeEntry(value) : null;
  const entryOf = (stored: StoreEntry | null) => decoded(stored?.value);
  const getOrMark = (id: string) => {
    const stored = store.get(keyOf(id));
    return isPending(stored) ? stored.then(entryOf) : entryOf(stored);
  };
  const get = (id: string) => {
    const stored = getOrMark(id);
    return isPending(stored) ? stored.then(unlessDeleted) : unlessDeleted(stored);
  };

  /** @returns `null` if the id is unknown and must not be created */
  function merge(id: string, upserts: readonly Upsert[], creates: boolean): Promise<UpsertOutcome[] | null> {
    const nowSeconds = toSeconds(clock.now());
    let outcomes: UpsertOutcome[] | null = null;
    const merged = update(id, (stored) => {
      outcomes = null;
      if (stored === null && !creates) return null;
      outcomes = [];
      let after: GraphEntry | null = null;
      for (const { partner, ...given } of upserts) {
        const { outcome, entry } = withPartnerId(after ?? stored, partner, given, nowSeconds);
        outcomes.push(outcome);
        after = entry ?? after;
      }
      return after;
    });
    return merged.then(() => outcomes);
  }

  const upsertPartnerIds = async (id: string, upserts: readonly Upsert[]) =>
    (await merge(id, upserts, true))!;

  return {
    get,
    getOrMark,
    async metadata(id) {
      const metadata = (await store.get(keyOf(id)))?.metadata as unknown as EntryMetadata | undefined;
      return metadata === undefined || metadata.deleted ? null : metadata;
    },
    createOrRevive: (id, entry) => update(id, (stored) => createdOrRevived(stored, entry)),
    updateLastSeen: (id, nowMs, evidence) => update(id, (stored) => seen(stored, toSeconds(nowMs), evidence)),
    async upsertPartnerId(id, partner, uid, synced) {
      const [outcome] = await upsertPartnerIds(id, [{ partner, uid, synced }]);
      return outcome!;
    },
    upsertPartnerIds,
    upsertKnown: (id, upserts) => merge(id, upserts, false),
    async tombstone(id, mayAdopt) {
      const stored = await getOrMark(id);
      if (stored !== null && isTombstone(stored)) return;
      if (stored === null && !running.has(id) && !(await mayAdopt())) return;
      const nowSeconds = toSeconds(clock.now());
      await update(id, (current) => tombstoned(current, nowSeconds));
    },
    async delete(id, mayAdopt = () => true) {
      const isRunning = running.has(id);
      await running.get(id)?.catch(() => {});
      // Not decoded: an unreadable entry is deleted, too.
      const isKnown = isRunning || (await store.get(keyOf(id))) !== null;
      if (!isKnown && !(await mayAdopt())) return;
      // First, because a store may keep more of an entry than its value, which it only removes with the key.
      await store.delete(keyOf(id));
      const mark = deletionMark(toSeconds(clock.now()));
      // Without a condition, so that this write wins: every other one is conditional on what it has read.
      const options = { ttlSeconds: ttlOf(mark), metadata: metadataOf(mark) };
      await store.put(keyOf(id), JSON.stringify(mark), options);
    },
  };
}

/** The graph's key of an id, in a store that it may share. */
export function keyOf(id: string): string {
  return `ec:${id}`;
}
