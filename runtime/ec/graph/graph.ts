/**
 * The identity graph: an entry for each EC id, on any {@link Store}.
 * @module
 */

import { isPending } from "../../lib/within.ts";
import type { Clock, Random, Store } from "../../platform.ts";
import type { ConsentEvidence } from "../request/evidence.ts";
import {
  createdOrRevived,
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
  withoutPartnerId,
  withPartnerId,
} from "./entry.ts";
import { EntryWriter, entryOf, keyOf } from "./entry-writer.ts";

/** A partner's id to write into the graph. */
export interface Upsert extends PartnerId {
  partner: string;
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
  /** Removes a partner's id from an entry, if it has one. */
  removePartnerId(id: string, partner: { id: string; generation?: number }): Promise<void>;
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

/** Creates the identity graph on a store. */
export function createGraph(store: Store, clock: Clock, random: Random): Graph {
  return new StoreGraph(new EntryWriter(store, clock, random), store, clock);
}

class StoreGraph implements Graph {
  readonly #writer: EntryWriter;
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(writer: EntryWriter, store: Store, clock: Clock) {
    this.#writer = writer;
    this.#store = store;
    this.#clock = clock;
  }

  get(id: string): GraphEntry | null | Promise<GraphEntry | null> {
    const stored = this.getOrMark(id);
    return isPending(stored) ? stored.then(unlessDeleted) : unlessDeleted(stored);
  }

  getOrMark(id: string): GraphEntry | null | Promise<GraphEntry | null> {
    const stored = this.#store.get(keyOf(id));
    return isPending(stored) ? stored.then(entryOf) : entryOf(stored);
  }

  async metadata(id: string): Promise<EntryMetadata | null> {
    const metadata = (await this.#store.get(keyOf(id)))?.metadata as unknown as EntryMetadata | undefined;
    return metadata === undefined || metadata.deleted ? null : metadata;
  }

  createOrRevive(id: string, entry: GraphEntry): Promise<void> {
    return this.#writer.update(id, (stored) => createdOrRevived(stored, entry));
  }

  updateLastSeen(id: string, nowMs: number, evidence: ConsentEvidence): Promise<void> {
    return this.#writer.update(id, (stored) => seen(stored, toSeconds(nowMs), evidence));
  }

  async upsertPartnerId(id: string, partner: string, uid: string, synced: number): Promise<UpsertOutcome> {
    const [outcome] = await this.upsertPartnerIds(id, [{ partner, uid, synced }]);
    return outcome!;
  }

  async upsertPartnerIds(id: string, upserts: readonly Upsert[]): Promise<UpsertOutcome[]> {
    return (await this.#merge(id, upserts, true))!;
  }

  upsertKnown(id: string, upserts: readonly Upsert[]): Promise<UpsertOutcome[] | null> {
    return this.#merge(id, upserts, false);
  }

  removePartnerId(id: string, partner: { id: string; generation?: number }): Promise<void> {
    return this.#writer.update(id, (stored) => withoutPartnerId(stored, partner));
  }

  async tombstone(id: string, mayAdopt: () => boolean | Promise<boolean>): Promise<void> {
    const stored = await this.getOrMark(id);
    if (stored !== null && isTombstone(stored)) return;
    if (stored === null && !this.#writer.isWriting(id) && !(await mayAdopt())) return;
    const nowSeconds = toSeconds(this.#clock.now());
    await this.#writer.update(id, (current) => tombstoned(current, nowSeconds));
  }

  async delete(id: string, mayAdopt: () => boolean | Promise<boolean> = () => true): Promise<void> {
    const isWriting = this.#writer.isWriting(id);
    await this.#writer.settled(id);
    // Not decoded: an unreadable entry is deleted, too.
    const isKnown = isWriting || (await this.#store.get(keyOf(id))) !== null;
    if (!isKnown && !(await mayAdopt())) return;
    // First, because a store may keep more of an entry than its value, which it only removes with the key.
    await this.#store.delete(keyOf(id));
    const mark = deletionMark(toSeconds(this.#clock.now()));
    // Without a condition, so that this write wins: every other one is conditional on what it has read.
    const options = { ttlSeconds: ttlOf(mark), metadata: metadataOf(mark) };
    await this.#store.put(keyOf(id), JSON.stringify(mark), options);
  }

  /** @returns `null` if the id is unknown and must not be created */
  #merge(id: string, upserts: readonly Upsert[], creates: boolean): Promise<UpsertOutcome[] | null> {
    const nowSeconds = toSeconds(this.#clock.now());
    let outcomes: UpsertOutcome[] | null = null;
    const merged = this.#writer.update(id, (stored) => {
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
}
