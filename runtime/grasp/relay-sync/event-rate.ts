import { EVENTS_PER_MINUTE } from "./figures.ts";

const SECONDS = 60;

/** Counts the events of one relay in the last minute (L19). */
export class EventRate {
  readonly #counts = new Uint32Array(SECONDS);
  #second = 0;
  #sum = 0;

  /** Counts one event. @returns whether there are too many */
  count(nowMs: number): boolean {
    this.#moveTo(nowMs);
    this.#counts[this.#second % SECONDS]!++;
    return ++this.#sum > EVENTS_PER_MINUTE.most;
  }

  /** Time until this number of events may be requested, in milliseconds; 0: now. Requested events must not count as a flood. */
  waitMs(events: number, nowMs: number): number {
    this.#moveTo(nowMs);
    let sum = this.#sum;
    for (let ago = SECONDS - 1; ago >= 0; ago--) {
      if (sum + events <= EVENTS_PER_MINUTE.asked)
        return ago === SECONDS - 1 ? 0 : (SECONDS - 1 - ago) * 1000;
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
