/** Wrong tokens that an address may send in a window. */
export const MAX_WRONG = 10;
/** Length of the window, in milliseconds. */
export const WINDOW_MS = 60_000;
/** Maximum number of addresses that are counted by themselves; further ones share a count. */
const MAX_ADDRESSES = 1000;

/**
 * Counts wrong tokens by address in a fixed window, so that each address has few answers and log lines. The memory is bounded: addresses that find no room
 * share one count.
 */
export class WrongTokens {
  readonly #now: () => number;
  readonly #counts = new Map<string, { wrong: number; endsMs: number }>();

  /** @param now milliseconds of a clock that does not go back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Milliseconds until another wrong token of this address is counted; 0: now. */
  waitMs(address: string): number {
    const count = this.#counts.get(this.#keyOf(address));
    if (count === undefined || count.wrong < MAX_WRONG) return 0;
    return Math.max(0, count.endsMs - this.#now());
  }

  /** A token of this address was wrong. */
  add(address: string): void {
    const now = this.#now();
    const key = this.#keyOf(address);
    const count = this.#counts.get(key);
    if (count !== undefined && count.endsMs > now) {
      count.wrong++;
      return;
    }
    // Windows have one length: the oldest are in front.
    this.#counts.delete(key);
    for (const [old, { endsMs }] of this.#counts) {
      if (endsMs > now) break;
      this.#counts.delete(old);
    }
    this.#counts.set(key, { wrong: 1, endsMs: now + WINDOW_MS });
  }

  #keyOf(address: string): string {
    return this.#counts.has(address) || this.#counts.size < MAX_ADDRESSES ? address : "";
  }
}
