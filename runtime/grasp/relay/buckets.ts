/**
 * Buckets of permits: a burst, then a rate (R6, table of limits).
 * @module
 */

/** A bucket of 120 events that 60 a minute refill. */
export const EVENT_BUCKET = { capacity: 120, perMinute: 60 } as const;

/** One bucket. */
export class Bucket {
  readonly #capacity: number;
  readonly #perMs: number;
  #level: number;
  #atMs: number;

  constructor({ capacity, perMinute }: { capacity: number; perMinute: number }, nowMs: number) {
    this.#capacity = capacity;
    this.#perMs = perMinute / 60_000;
    this.#level = capacity;
    this.#atMs = nowMs;
  }

  /** Takes one permit. @returns whether there was one */
  take(nowMs: number): boolean {
    this.#level = Math.min(this.#capacity, this.#level + Math.max(0, nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#level < 1) return false;
    this.#level--;
    return true;
  }

  /** Whether it is full again, so that forgetting it changes nothing. */
  isFull(nowMs: number): boolean {
    return this.#level + Math.max(0, nowMs - this.#atMs) * this.#perMs >= this.#capacity;
  }
}
