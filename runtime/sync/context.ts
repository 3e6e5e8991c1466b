import type { Source } from "./source.ts";

/** What a running `fetch` gets from the engine. */
export interface FetchCall {
  /**
   * Aborts when a timeout is over, when the identifier is dropped, and at the end of `stop`. A fetch that ignores it counts
   * as in flight for the abort grace (500 ms by default); then the engine stops waiting for it.
   */
  readonly signal: AbortSignal;
  /**
   * Call it when data arrives, as often as you like. It restarts the idle timeout and prolongs the identifier's expiry, up
   * to 2 hours after its last arrival.
   */
  onProgress(): void;
  /**
   * Asks for one more request to the same domain within this fetch.
   * @returns whether the domain's window has room; the request is counted if so.
   */
  anotherStart(): Promise<boolean>;
}

/** What a `fetch` brought. */
export interface Fetched<Item, Receipt = undefined> {
  /** The items; an empty list is a success without items. */
  readonly items: readonly Item[];
  /** Anything that `process` should know about this fetch. */
  readonly receipt?: Receipt;
}

/** Which fetch brought the items that `process` gets. */
export interface FetchOrigin<Receipt = undefined> {
  readonly source: Source;
  /** What `fetch` returned as its receipt. */
  readonly receipt: Receipt | undefined;
}

/**
 * What a service supplies. An `identifier` is any text that names one thing that waits for data. `Need` describes an item
 * that is missing, `Item` one that arrived, `Receipt` a fetch. The engine reads none of the three.
 *
 * The engine asks `hasPending`, `neededItems` and `sources` before every fetch, so that it notices changes. They should
 * answer in milliseconds; the engine gives up after `lookTimeoutMs`.
 */
export interface SyncContext<Need, Item = Need, Receipt = undefined> {
  /**
   * Whether anything still waits for data under this identifier: not released, not withdrawn, not expired. For services that
   * answer this at less cost than `neededItems`. Default: an empty list of needed items says so.
   */
  hasPending?(identifier: string): Promise<boolean>;
  /** The missing items. An empty list completes the identifier. */
  neededItems(identifier: string): Promise<readonly Need[]>;
  /**
   * The sources that may have these items, in order of preference.
   * @param items what `neededItems` has just returned.
   */
  sources(identifier: string, items: readonly Need[]): Promise<readonly Source[]>;
  /**
   * Asks one source for the items.
   * @param items what was needed when the source was chosen.
   * @returns what the source had, possibly nothing.
   * @throws {RateLimited} if the server asks for fewer requests.
   * @throws {SourceUnusable} if only this source failed. Any other error counts as a failure of its domain.
   */
  fetch(
    identifier: string,
    source: Source,
    items: readonly Need[],
    call: FetchCall,
  ): Promise<Fetched<Item, Receipt>>;
  /**
   * Stores the items and releases what they satisfy. Called after each fetch that brought an item, possibly for several
   * fetches of one identifier at once; must be idempotent.
   */
  process(identifier: string, newItems: readonly Item[], origin: FetchOrigin<Receipt>): Promise<void>;
  /**
   * Called at most once a minute for each identifier while a fetch makes progress.
   * @param forMs the identifier expires no earlier than in this many milliseconds.
   */
  onProlonged?(identifier: string, forMs: number): void;
}
