/**
 * How long a domain rests that asks for fewer requests without saying for how long (S32).
 * @module
 */
const FIRST_MS = 60_000;
const LONGEST_MS = 3_600_000;
/** Domains that are remembered. The one that asked longest ago is forgotten. */
const MAX_DOMAINS = 10_000;

/** Counts such answers in a row, for each domain. */
export class AskedRests {
  readonly #inRow = new Map<string, number>();

  /** The rest after one more such answer, in milliseconds: 60 s, doubling to one hour. */
  next(domain: string): number {
    const before = this.#inRow.get(domain) ?? 0;
    this.#inRow.delete(domain);
    if (this.#inRow.size >= MAX_DOMAINS) this.#inRow.delete(this.#inRow.keys().next().value!);
    this.#inRow.set(domain, before + 1);
    return Math.min(FIRST_MS * 2 ** Math.min(before, 16), LONGEST_MS);
  }

  /** The domain answered otherwise. */
  end(domain: string): void {
    this.#inRow.delete(domain);
  }
}
