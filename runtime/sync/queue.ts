import type { Cancellation } from "./cancellation.ts";
import { backoffMs, MAX_PROLONGED_MS } from "./schedule.ts";
import type { WaitingIdentifier } from "./snapshot.ts";
import { HeapItem, TimeHeap } from "./time-heap.ts";

/** One queued identifier, however many events arrived for it. Times are milliseconds on the engine's clock. */
export class Entry extends HeapItem {
  readonly identifier: string;
  /** When the main path looks at it next; infinite during an attempt, unless a fresh start came. */
  nextAttempt: number;
  /** Attempts since the last fresh start that left something missing. */
  attempts = 0;
  /** Whether an attempt is under way. */
  inProgress = false;
  expiresAt: number;
  /** Number of arrivals: an answer that was asked for before the latest of them may be out of date. */
  arrivals = 0;
  arrivedAt: number;
  /** When progress last prolonged the expiry. */
  prolongedAt = Number.NEGATIVE_INFINITY;
  /** Pieces of work under way, and what tells them that they are not wanted; `null` while there are none. */
  users = 0;
  cancellation: Cancellation | null = null;

  constructor(identifier: string, now: number, nextAttempt: number, expiresAt: number) {
    super();
    this.identifier = identifier;
    this.nextAttempt = nextAttempt;
    this.expiresAt = expiresAt;
    this.arrivedAt = now;
  }
}

/** When each identifier is looked at next. Starts nothing and reads no clock: `now` comes with each call. */
export class Queue {
  readonly #entries = new Map<string, Entry>();
  readonly #byTime = new TimeHeap<Entry>();

  get size(): number {
    return this.#entries.size;
  }

  get(identifier: string): Entry | undefined {
    return this.#entries.get(identifier);
  }

  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  /**
   * Adds an identifier. A queued one gets a fresh start: its attempts are forgotten, and the earlier of its next attempt and
   * now + `delayMs` holds. In both cases it does not expire before now + `expiryMs`.
   */
  add(identifier: string, now: number, delayMs: number, expiryMs: number): void {
    let entry = this.#entries.get(identifier);
    if (entry === undefined) {
      entry = new Entry(identifier, now, now + delayMs, now + expiryMs);
      this.#entries.set(identifier, entry);
    } else {
      entry.attempts = 0;
      entry.arrivedAt = now;
      entry.nextAttempt = Math.min(entry.nextAttempt, now + delayMs);
      entry.expiresAt = Math.max(entry.expiresAt, now + expiryMs);
    }
    entry.arrivals++;
    this.#schedule(entry);
  }

  /** The next entry that is due or has expired; `undefined`: none. Returns the same entry until it is begun or removed. */
  due(now: number): Entry | undefined {
    return this.#byTime.peekDue(now);
  }

  /** Marks the start of an attempt: from now on only a fresh start sets a time. */
  begin(entry: Entry): void {
    entry.inProgress = true;
    entry.nextAttempt = Number.POSITIVE_INFINITY;
    this.#schedule(entry);
  }

  /**
   * Ends an attempt that left something missing. Without a fresh start meanwhile, it counts and the wait grows. With one, the
   * count stays 0, and the fresh start's time holds if it is earlier than the first wait.
   */
  backOff(entry: Entry, now: number): void {
    entry.inProgress = false;
    const fresh = entry.nextAttempt !== Number.POSITIVE_INFINITY;
    if (!fresh) entry.attempts++;
    entry.nextAttempt = Math.min(entry.nextAttempt, now + backoffMs(Math.max(1, entry.attempts)));
    this.#schedule(entry);
  }

  /** Keeps an entry from expiring before a time. */
  keepUntil(entry: Entry, time: number): void {
    entry.expiresAt = Math.max(entry.expiresAt, time);
    this.#schedule(entry);
  }

  /** Keeps an entry for a whole `expiryMs` from now, but not more than 2 hours after its last arrival. */
  prolong(entry: Entry, now: number, expiryMs: number): void {
    entry.prolongedAt = now;
    this.keepUntil(entry, Math.min(now + expiryMs, entry.arrivedAt + MAX_PROLONGED_MS));
  }

  /** What is queued, as plain data; an entry whose attempt is under way is due at once. */
  waiting(now: number): WaitingIdentifier[] {
    return [...this.#entries.values()].map(
      ({ identifier, attempts, inProgress, nextAttempt, expiresAt }) => ({
        identifier,
        delayMs: inProgress ? 0 : Math.max(0, nextAttempt - now),
        attempts,
        expiresInMs: Math.max(0, expiresAt - now),
      }),
    );
  }

  /** Adds an entry as it was in a snapshot. */
  restore(identifier: string, now: number, delayMs: number, attempts: number, expiresInMs: number): void {
    this.add(identifier, now, delayMs, expiresInMs);
    this.#entries.get(identifier)!.attempts = attempts;
  }

  remove(entry: Entry): void {
    this.#entries.delete(entry.identifier);
    this.#byTime.remove(entry);
  }

  #schedule(entry: Entry): void {
    const { inProgress, nextAttempt, expiresAt } = entry;
    this.#byTime.set(entry, inProgress ? expiresAt : Math.min(nextAttempt, expiresAt));
  }
}
