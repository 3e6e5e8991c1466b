/**
 * How long the Edge Cookie waits for the store, the limiter and its own background work. All times in milliseconds.
 *
 * The work itself is never cancelled by these timeouts: a write goes on after the response.
 * @module
 */

/** How long a response waits for the store or the limiter, by what is answered. */
export const STORE_TIMEOUTS_MS = {
  /** A page: the graph entry of a new visitor, a tombstone, the limit on minting. After it the page goes out. */
  page: 250,
  /** `POST /auction`: after it the bid request goes out without identity. */
  auction: 250,
  /** `GET /identify`: after it the answer is degraded. */
  identify: 1000,
  /** `GET /sync`: after it the browser is sent back with `write_failed`. */
  pixel: 2000,
  /** The partner's key of a batch upload: after it the answer is 503. */
  batchAuthentication: 2000,
  /** The first read of the registered partners: after it the answer is given without them. */
  partners: 2000,
  /** Routes of the operator, and deletions: after it the answer is 503. */
  operator: 5000,
  deletion: 5000,
} as const;

/** How long the end of the service waits, by what is under way. */
export const CLOSE_TIMEOUTS_MS = {
  /** Pulls. */
  pulls: 2000,
  /** Other background work: longer than any store keeps a write waiting. */
  background: 4500,
} as const;

/**
 * How long after a visit its pulls may still begin, on hosts that end background work about 30 s after the response. Each pull
 * then ends in time. Pulls that have not begun by then wait for the visitor's next request.
 */
export const PULLS_BEGIN_WITHIN_MS = 20_000;
