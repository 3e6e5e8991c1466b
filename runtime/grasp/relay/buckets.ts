/**
 * Buckets of permits: a burst, then a rate (R6, table of limits).
 * @module
 */

/** How many permits a bucket holds, and how many come back a minute. */
export interface BucketSize {
  readonly capacity: number;
  readonly perMinute: number;
}

/** Buckets that are kept. */
const MAX_BUCKETS = 100_000;

/** One bucket. */
export class Bucket {
  readonly #capacity: number;
  readonly #perMs: number;
  #level: number;
  #atMs: number;

  constructor({ capacity, perMinute }: BucketSize, nowMs: number) {
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
}

/** Buckets by name, the least lately used first. */
export class Buckets {
  readonly #size: BucketSize;
  readonly #buckets = new Map<string, Bucket>();

  constructor(size: BucketSize) {
    this.#size = size;
  }

  /** Takes one permit of a bucket. @returns whether there was one */
  take(name: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(name) ?? new Bucket(this.#size, nowMs);
    this.#buckets.delete(name);
    if (this.#buckets.size >= MAX_BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value!);
    this.#buckets.set(name, bucket);
    return bucket.take(nowMs);
  }
}
