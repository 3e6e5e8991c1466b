/** What the engine promises; each invariant checks one of these. */
export type PromiseName =
  | "maxConcurrent"
  | "maxConcurrentTotal"
  | "maxPerMinute"
  | "one fetch of an identifier per domain"
  /** Only identifiers that were admitted are fetched. */
  | "only admitted"
  | "one attempt"
  /** No fetch starts at a resting domain. */
  | "rest"
  /** After a rest because of failures, one fetch at a time. */
  | "one probe"
  | "set aside"
  /** No identifier waits for a domain that has room. */
  | "wake-up"
  /** An identifier sees at most one turn of another while it waits for its own. */
  | "fairness"
  | "no early timeout"
  | "fetch ends in time"
  | "look-up ends in time"
  | "receipt"
  | "key prefix"
  | "lease held"
  /** A complete identifier needs nothing. */
  | "complete"
  /** What can complete completes. */
  | "completes"
  /** No identifier disappears. */
  | "not lost"
  | "no early expiry"
  | "progress keeps"
  /** What cannot complete expires. */
  | "expires"
  | "no timer left"
  | "stop ends in time";

/** One of the engine's promises does not hold. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
  readonly promise: PromiseName;

  constructor(promise: PromiseName, detail: string) {
    super(`${promise}: ${detail}`);
    this.promise = promise;
  }
}
