/**
 * What a service supplies. `identifier` is whatever text names one thing that waits for data; `Need` describes an item
 * that is missing, `Item` one that came. The engine looks at neither.
 *
 * The three questions are asked afresh before every fetch, so that what changed while an identifier waited is noticed.
 * They should answer in milliseconds; one that takes longer than a fetch may is given up.
 */
export interface SyncContext<Need, Item = Need> {
  /** Whether anything still waits for data under this identifier: neither released, withdrawn nor expired. */
  hasPending(identifier: string): Promise<boolean>;
  /** What is missing. An empty answer completes the identifier. */
  neededItems(identifier: string): Promise<readonly Need[]>;
  /** The URLs that may have it, in the order of preference. What is no URL with a host is passed over. */
  sources(identifier: string): Promise<readonly string[]>;
  /**
   * Asks one source for the items.
   * @param signal aborts when the time is over, when the identifier is dropped, and at the end of a stop. A fetch that
   *   goes on regardless is waited for, and counted as in flight, half a second longer and then no more.
   * @returns what it had, which may be nothing.
   * @throws {RateLimited} when the server asks for fewer requests; anything else counts as a failure of its domain.
   */
  fetch(
    identifier: string,
    source: string,
    items: readonly Need[],
    signal: AbortSignal,
  ): Promise<readonly Item[]>;
  /** Takes what came and releases whatever that satisfies. Called after each fetch that brought something. */
  process(identifier: string, newItems: readonly Item[]): Promise<void>;
}
