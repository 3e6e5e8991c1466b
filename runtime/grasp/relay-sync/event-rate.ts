const SECONDS = 60;

/** Counts events of one relay in the last minute (L19). */
export class EventRate {
  readonly #most: number;
  readonly #counts = new Uint32Array(SECONDS);
  #second = 0;
  #sum = 0;

  /** @param most largest number of events in a minute */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one event. @returns whether there are too many */
  count(nowMs: number): boolean {
    this.#moveTo(nowMs);
    this.#counts[this.#second % SECONDS]!++;
    return ++this.#sum > this.#most;
  }

  /** Time until this number of events may be requested, in milliseconds; 0: now. */
  waitMs(events: number, nowMs: number): number {
    this.#moveTo(nowMs);
    let sum = this.#sum;
    for (let ago = SECONDS - 1; ago >= 0; ago--) {
      if (sum + events <= this.#most) return ago === SECONDS - 1 ? 0 : (SECONDS - 1 - ago) * 1000;
      sum -= this.#counts[(this.#second + SECONDS - ago) % SECONDS]!;
    }
    return SECONDS * 1000;
  }

  #moveTo(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    for (let step = Math.max(this.#second + 1, second - SECONDS + 1); step <= second; step++) {
      this.#sum -= this.#counts[step % SECONDS]!;
      this.#counts[step % SECONDS] = 0;
    }
    this.#second = Math.max(this.#second, second);
  }
}

/** The events that one relay sends by itself, and those of the pages that we ask for. */
export interface EventRates {
  readonly unasked: EventRate;
  readonly asked: EventRate;
}

/**
 * Counts an event of a subscription.
 * @param open the subscription, with the number of events that it may still bring because we asked for that many; `undefined`: there is none
 * @returns whether it is one too many of those that we did not ask for
 */
export function isFlood(
  { asked, unasked }: EventRates,
  open: { left: number } | undefined,
  nowMs: number,
): boolean {
  if (open === undefined || open.left === 0) return unasked.count(nowMs);
  open.left--;
  asked.count(nowMs);
  return false;
}
