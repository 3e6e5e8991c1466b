/**
 * The identity graph: what is known of each EC id, on any {@link Store}. Every change is one step or a compare-and-swap.
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

/** How often a write that lost a race is tried again. */
const MAX_RETRIES = 8;
/** The first pause after a lost race, in milliseconds; it doubles, and a random part of it is waited. */
const FIRST_PAUSE_MS = 4;

/** One change: what is stored (or `null`) to what shall be stored; `null` leaves it. Must be pure: it may run again. */
type Change = (stored: GraphEntry | null) => GraphEntry | null;

/** A partner's id on its way into the graph. */
export interface Upsert extends PartnerId {
  partner: string;
}

/** Everybody else was faster, nine times in a row. The store works; only this write was not made. */
export class ContentionError extends Error {
  constructor() {
    super(`a graph entry was changed by others ${MAX_RETRIES + 1} times in a row; nothing was written`);
    this.name = "ContentionError";
  }
}

/** The operations of the identity graph. All reject, or throw, when the store fails. */
export interface Graph {
  /** At once where the store can. A deleted id is unknown. */
  get(id: string): GraphEntry | null | Promise<GraphEntry | null>;
  /** The same, but a deletion mark is returned as an entry, for work that must not continue after a deletion. */
  getOrMark(id: string): GraphEntry | null | Promise<GraphEntry | null>;
  /** The part that needs no decoding of the entry. */
  metadata(id: string): Promise<EntryMetadata | null>;
  /** Creates a live entry; replaces a tombstone older than `entry.created`; leaves everything else alone. */
  createOrRevive(id: string, entry: GraphEntry): Promise<void>;
  /** Writes `lastSeen` if the stored one is over 300 s old. Neither creates nor revives. */
  updateLastSeen(id: string, nowMs: number, evidence: ConsentEvidence): Promise<void>;
  /** Merges one partner's id unless the stored one is as new. Creates a minimal entry, never revives a tombstone. */
  upsertPartnerId(id: string, partner: string, uid: string, syncedSeconds: number): Promise<UpsertOutcome>;
  /** The same for several at once, in one write; outcomes in the order given. */
  upsertPartnerIds(id: string, upserts: readonly Upsert[]): Promise<UpsertOutcome[]>;
  /** The same, but creates nothing. `null`: the graph does not know the id; one that was deleted is `deleted`. */
  upsertKnown(id: string, upserts: readonly Upsert[]): Promise<UpsertOutcome[] | null>;
  /**
   * Withdraws consent: empties `ids` and stands for 24 hours. A second one changes nothing.
   * @param mayAdopt asked only if the graph does not know the id; `false`: it gets no tombstone.
   */
  tombstone(id: string, mayAdopt: () => boolean | Promise<boolean>): Promise<void>;
  /**
   * Forgets the id altogether; for data-deletion requests only. For an hour a mark stands in its place, so that nothing that
   * was under way, on any instance, brings the id back.
   * @param mayAdopt asked only if the graph does not know the id; `false`: nothing is under way and it gets no mark.
   */
  delete(id: string, mayAdopt?: () => boolean | Promise<boolean>): Promise<void>;
}

/**
 * The identity graph on a store. Where the store cannot change an entry in one step, changes to one id by this process are
 * gathered and written together, so that only other processes can make a write lose its race.
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

  /** What to write in place of what is stored after these changes; `null`: nothing. */
  function changed(before: GraphEntry | null, changes: readonly Change[]) {
    let after = before;
    for (const change of changes) after = change(after) ?? after;
    if (after === null || after === before) return null;
    return { value: JSON.stringify(after), ttlSeconds: ttlOf(after), metadata: metadataOf(after) };
  }

  /** Applies the gathered changes of one id in one write, as often as it takes to win the race. */
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

  /** Runs after the batch before it, if there is one, has settled; takes whatever has gathered until then. */
  async function nextBatch(id: string, previous: Promise<void> | undefined): Promise<void> {
    await previous?.catch(() => {});
    const changes = waiting.get(id)!;
    waiting.delete(id);
    try {
      await writeAll(id, changes);
    } finally {
      // Else the batch that has gathered meanwhile is the one that runs.
      if (!waiting.has(id)) running.delete(id);
    }
  }

  /** Makes a change, at once where the store can, or adds it to the batch of its id that has not begun yet. */
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
      // Not decoded: what cannot be read is deleted all the same.
      const isKnown = isRunning || (await store.get(keyOf(id))) !== null;
      if (!isKnown && !(await mayAdopt())) return;
      // First, because a store may keep more of an entry than its value, and promises to forget it with the key.
      await store.delete(keyOf(id));
      const mark = deletionMark(toSeconds(clock.now()));
      // On no condition: of two writers this one wins, since every other writes over nothing that it has not read.
      const options = { ttlSeconds: ttlOf(mark), metadata: metadataOf(mark) };
      await store.put(keyOf(id), JSON.stringify(mark), options);
    },
  };
}

/** The graph's keys in a store that it may share with others. */
export function keyOf(id: string): string {
  return `ec:${id}`;
}
