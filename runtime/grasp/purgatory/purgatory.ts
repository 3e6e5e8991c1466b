/**
 * Purgatory: what waits for its Git data, how long, and what happens when the time is over. Every change is in the journal
 * before it is in memory (P27). Callers hold the lock of the identifier (P34).
 * @module
 */
import { isNewer, type NostrEvent } from "../events/event.ts";
import type { GraspHappening, LeftBecause } from "../happenings.ts";
import { ADDRESS_WINDOW_MS, type BoundName, Occupancy, STATES_PER_AUTHOR } from "./bounds.ts";
import {
  DEADLINES_MS,
  flowingUntilMs,
  prolonged,
  restored,
  type SweepDecision,
  sweepDecision,
} from "./deadlines.ts";
import {
  type Entry,
  type From,
  identifiersOf,
  keyOf,
  type Placeholder,
  type Releasable,
  type WaitingAnnouncement,
  type WaitingPr,
  type WaitingState,
} from "./entry.ts";
import { Waiting } from "./waiting.ts";

/** Keeps entries across restarts. Purgatory changes inside a transaction of it only. */
export interface Journal {
  put(key: string, entry: Entry): void;
  remove(key: string): void;
  /** Removes an entry and remembers its id as expired. */
  expire(key: string, id: string, untilMs: number): void;
  /** Runs `work` if the transaction fails. */
  undo(work: () => void): void;
  /** Tells listeners once the transaction is on the disk. */
  tell(happening: GraspHappening): void;
}

/** What became of an entry that was to be added. */
export type Added =
  | { readonly outcome: "added"; readonly dropped: Entry | null }
  | { readonly outcome: "full"; readonly bound: BoundName }
  /** An equal or newer version waits already. */
  | { readonly outcome: "older" };

/** An event that could be added. */
export type Arriving = From & { readonly event: NostrEvent } & (
    | { readonly store: "announcement" | "state"; readonly identifier: string }
    | { readonly store: "pr"; readonly identifiers: readonly string[] }
  );

/** The time, in milliseconds since the epoch, by a clock that no correction turns back. */
export type Now = () => number;

export class Purgatory extends Waiting {
  readonly #occupancy: Occupancy;
  readonly #journal: Journal;
  readonly #now: Now;

  constructor(journal: Journal, now: Now) {
    super();
    this.#journal = journal;
    this.#now = now;
    this.#occupancy = new Occupancy(now);
  }

  /**
   * Takes over what the journal holds. Every entry has at least five minutes (P29), and none more than its time (P25).
   * @returns the identifiers that wait for data, for the sync queue (P30).
   */
  restore(entries: Iterable<Entry>): Set<string> {
    const identifiers = new Set<string>();
    for (const stored of entries) {
      const entry = restored(stored, this.#now());
      this.#insert(keyOf(entry), entry);
      const isChanged = entry.deadlineMs !== stored.deadlineMs || entry.arrivedMs !== stored.arrivedMs;
      if (isChanged) this.#journal.put(keyOf(entry), entry);
      if (entry.arrivedMs > this.#now() - ADDRESS_WINDOW_MS) this.#occupancy.arrived(entry);
      const waits = entry.store === "state" || entry.store === "pr";
      if (waits) for (const identifier of identifiersOf(entry)) identifiers.add(identifier);
    }
    return identifiers;
  }

  /** The number of entries of a store. */
  size(store: Entry["store"]): number {
    return this.#occupancy.size(store);
  }

  /** The bytes that all entries take as JSON. */
  get bytes(): number {
    return this.#occupancy.bytes;
  }

  /** When the entry of a store that waits longest arrived, in milliseconds since the epoch; `null`: nothing waits. */
  oldestArrival(store: Entry["store"]): number | null {
    let oldest: number | null = null;
    for (const entry of this.index.values()) {
      if (entry.store === store && (oldest === null || entry.arrivedMs < oldest)) oldest = entry.arrivedMs;
    }
    return oldest;
  }

  /** The number of an author's announcements that wait. */
  override announcementsOf(author: string): number {
    return this.#occupancy.announcementsOf(author);
  }

  /** Whether an event of an author waits. */
  override hasOf(author: string): boolean {
    return this.#occupancy.hasOf(author);
  }

  /** Adds an announcement, or a newer version of one that waits (R34). */
  addAnnouncement(event: NostrEvent, identifier: string, from: From): Added {
    const known = this.announcement(event.pubkey, identifier);
    if (known !== null && !isNewer(event, known.event)) return { outcome: "older" };
    return this.#add({
      store: "announcement",
      event,
      identifier,
      isSoftExpired: false,
      ...this.#arrival(DEADLINES_MS.arrival),
      ...from,
    });
  }

  /** Adds a state. Of one author the newest eight are kept (P5). */
  addState(event: NostrEvent, identifier: string, from: From): Added {
    const last = this.#lastOfMany(event, identifier);
    if (last !== null && !isNewer(event, last.event)) return { outcome: "older" };
    if (last !== null) this.remove(last, "replaced");
    return this.#add({ store: "state", event, identifier, ...this.#arrival(DEADLINES_MS.arrival), ...from });
  }

  /** The oldest state of an event's author, if no more of them are kept (P5). */
  #lastOfMany({ pubkey }: NostrEvent, identifier: string): WaitingState | null {
    const own = this.states(identifier).filter(({ event }) => event.pubkey === pubkey);
    if (own.length < STATES_PER_AUTHOR) return null;
    return own.reduce((least, state) => (isNewer(least.event, state.event) ? state : least));
  }

  /** What would keep an event out if it were added now (P5, P6); `null`: nothing. */
  obstacle(arriving: Arriving): Exclude<Added, { outcome: "added" }> | null {
    const { event, store } = arriving;
    const before =
      store === "announcement"
        ? this.announcement(event.pubkey, arriving.identifier)
        : store === "state"
          ? this.#lastOfMany(event, arriving.identifier)
          : null;
    if (before !== null && !isNewer(event, before.event)) return { outcome: "older" };
    const bound = this.#full({ ...arriving, ...this.#arrival(DEADLINES_MS.arrival) } as Releasable, before);
    return bound === null ? null : { outcome: "full", bound };
  }

  /** Adds a PR or PR update. */
  addPr(event: NostrEvent, identifiers: readonly string[], from: From): Added {
    return this.#add({ store: "pr", event, identifiers, ...this.#arrival(DEADLINES_MS.arrival), ...from });
  }

  /** Adds the record of an unclaimed upload, or replaces its commit (A29). */
  addPlaceholder(
    upload: Pick<Placeholder, "id" | "repository" | "identifier" | "commit" | "bytes" | "address">,
  ): Added {
    return this.#add({
      store: "placeholder",
      ...upload,
      ...this.#arrival(DEADLINES_MS.placeholder),
      source: "direct",
    });
  }

  /** Removes an entry. @param reason the text of a failure, where the release failed (P38) */
  remove(entry: Entry, because: LeftBecause, reason?: string): void {
    const key = keyOf(entry);
    if (!this.index.has(key)) return;
    this.#journal.remove(key);
    this.#left(key, because, reason);
  }

  /** Ends an entry whose release failed several times for a reason of its own (P38). */
  fail(entry: WaitingState | WaitingPr, reason: string): void {
    const key = keyOf(entry);
    if (!this.index.has(key)) return;
    this.#journal.expire(key, entry.event.id, this.#now() + DEADLINES_MS.rememberExpired);
    this.#left(key, "failed", reason);
  }

  /** A newer version of a waiting announcement came: the states under it wait for another 30 minutes (P16, R34). */
  prolongStates(identifier: string, set: ReadonlySet<string>): void {
    const untilMs = this.#now() + DEADLINES_MS.arrival;
    for (const state of this.states(identifier)) {
      if (set.has(state.event.pubkey)) this.#replace(prolonged(state, untilMs));
    }
  }

  /** Makes what sync had brought a direct entry with a fresh deadline (P17, R15). */
  submittedByClient(entry: Releasable, address: string): void {
    this.#replace({ ...prolonged(entry, this.#now() + DEADLINES_MS.arrival), source: "direct", address });
  }

  /** A push on a waiting state was granted, or bytes for an entry flow (P14, P15, A26). Called again once a minute. */
  flows(entry: WaitingState | WaitingPr | WaitingAnnouncement): void {
    this.#replace(prolonged(entry, flowingUntilMs(entry, this.#now())));
  }

  /** A state by a member of an owner's set arrived: the owner's announcement waits on, and comes back if it expired (P16, P22). */
  stateArrived(announcement: WaitingAnnouncement): { readonly isRevived: boolean } {
    const { isSoftExpired: isRevived } = announcement;
    const untilMs = this.#now() + DEADLINES_MS.arrival;
    if (!isRevived) this.#replace(prolonged(announcement, untilMs));
    else {
      const entry: WaitingAnnouncement = { ...announcement, isSoftExpired: false, deadlineMs: untilMs };
      this.#replace(entry);
      this.#journal.tell({ kind: "revived", entry });
    }
    return { isRevived };
  }

  /** The entries whose time is over, and what a sweep does with each. The caller takes the lock and looks again (P23). */
  *due(): Generator<{ readonly entry: Entry; readonly decision: Exclude<SweepDecision, "keep"> }> {
    const nowMs = this.#now();
    for (const entry of [...this.index.values()]) {
      const decision = sweepDecision(entry, nowMs);
      if (decision !== "keep") yield { entry, decision };
    }
  }

  /** An entry as it is now, if its time is still over; `null`: it was prolonged, or it is gone. */
  stillDue(entry: Entry): Entry | null {
    const now = this.index.get(keyOf(entry));
    return now !== undefined && sweepDecision(now, this.#now()) !== "keep" ? now : null;
  }

  /** Ends an entry whose time is over (P18, P19, P20). */
  expire(entry: Entry): void {
    const key = keyOf(entry);
    if (!this.index.has(key)) return;
    if (entry.store === "announcement" && !entry.isSoftExpired) {
      const deadlineMs = this.#now() + DEADLINES_MS.softExpired;
      const softExpired: WaitingAnnouncement = { ...entry, isSoftExpired: true, deadlineMs };
      this.#replace(softExpired);
      this.#journal.tell({ kind: "soft-expired", entry: softExpired });
      return;
    }
    if (entry.store === "placeholder") this.#journal.remove(key);
    else this.#journal.expire(key, entry.event.id, this.#now() + DEADLINES_MS.rememberExpired);
    this.#left(key, "expired");
  }

  #arrival(ms: number): { arrivedMs: number; deadlineMs: number } {
    const arrivedMs = this.#now();
    return { arrivedMs, deadlineMs: arrivedMs + ms };
  }

  #add(entry: Entry): Added {
    const key = keyOf(entry);
    const dropped = this.index.get(key) ?? null;
    const bound = this.#full(entry, dropped);
    if (bound !== null) {
      this.#journal.tell({ kind: "no-room", store: entry.store, bound });
      return { outcome: "full", bound };
    }
    this.#journal.put(key, entry);
    if (dropped !== null) this.#left(key, "replaced");
    this.#remember(key, entry);
    this.#occupancy.arrived(entry);
    this.#journal.tell({ kind: "waits", entry });
    return { outcome: "added", dropped };
  }

  /** The bound that has no room for an entry once another one is gone. */
  #full(entry: Entry, dropped: Entry | null): BoundName | null {
    if (dropped !== null) this.#occupancy.remove(dropped);
    const bound = this.#occupancy.full(entry);
    if (dropped !== null) this.#occupancy.add(dropped);
    return bound;
  }

  #replace(entry: Entry): void {
    const key = keyOf(entry);
    const known = this.index.get(key);
    if (known === undefined || known === entry) return;
    this.#journal.put(key, entry);
    this.#forget(key);
    this.#remember(key, entry);
  }

  /** An entry is gone; the journal knows. */
  #left(key: string, because: LeftBecause, reason?: string): void {
    const entry = this.index.get(key)!;
    this.#forget(key);
    this.#journal.tell({ kind: "left", entry, because, ...(reason === undefined ? {} : { reason }) });
  }

  /** A change of memory that the transaction takes back if it fails. */
  #remember(key: string, entry: Entry): void {
    this.#insert(key, entry);
    this.#journal.undo(() => this.#take(key));
  }

  #forget(key: string): void {
    const entry = this.#take(key);
    if (entry !== null) this.#journal.undo(() => this.#insert(key, entry));
  }

  #insert(key: string, entry: Entry): void {
    this.index.set(key, entry);
    this.#occupancy.add(entry);
  }

  #take(key: string): Entry | null {
    const entry = this.index.take(key);
    if (entry !== null) this.#occupancy.remove(entry);
    return entry;
  }
}
