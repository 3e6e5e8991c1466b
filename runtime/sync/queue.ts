import { backoffMs } from "./schedule.ts";
import { type Timed, TimeHeap } from "./time-heap.ts";

/** One waiting identifier, however many events arrived for it. Times are milliseconds on the engine's clock. */
export interface Entry extends Timed {
  readonly identifier: string;
  /** When the main path looks at it next; infinite while an attempt is under way and no fresh start came. */
  nextAttempt: number;
  /** Attempts since the last fresh start that left something missing. */
  attempts: number;
  /** Whether the main path is at it. */
  inProgress: boolean;
  expiresAt: number;
  /** Events that arrived: an answer that was asked for before the latest of them may be out of date. */
  arrivals: number;
}

/** When each identifier is looked at next. Decides nothing by itself and knows no clock: `now` comes with each call. */
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
   * Adds an identifier, or gives one that waits a fresh start: its attempts are forgotten and the earlier of its next
   * attempt and now + `delayMs` holds. Either way it does not expire before now + `expiryMs`.
   */
  add(identifier: string, now: number, delayMs: number, expiryMs: number): void {
    let entry = this.#entries.get(identifier);
    if (entry === undefined) {
      entry = {
        identifier,
        nextAttempt: now + delayMs,
        attempts: 0,
        inProgress: false,
        expiresAt: now + expiryMs,
        arrivals: 0,
        dueAt: 0,
        order: 0,
        heapIndex: -1,
      };
      this.#entries.set(identifier, entry);
    } else {
      entry.attempts = 0;
      entry.nextAttempt = Math.min(entry.nextAttempt, now + delayMs);
      entry.expiresAt = Math.max(entry.expiresAt, now + expiryMs);
    }
    entry.arrivals++;
    this.#schedule(entry);
  }

  /** The next entry that is ready or has expired; `undefined` if there is none. It comes again until it is dealt with. */
  due(now: number): Entry | undefined {
    const entry = this.#byTime.peek();
    return entry !== undefined && entry.dueAt <= now ? entry : undefined;
  }

  /** Marks the start of an attempt: from now on only a fresh start sets a time. */
  begin(entry: Entry): void {
    entry.inProgress = true;
    entry.nextAttempt = Number.POSITIVE_INFINITY;
    this.#schedule(entry);
  }

  /**
   * Ends an attempt that left something missing. Without a fresh start meanwhile it counts and the wait grows; with one
   * the count stays 0 and the fresh start's time holds if it is earlier than the first wait.
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

  /** Puts back an entry as a snapshot had it. */
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
