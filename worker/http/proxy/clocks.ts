/**
 * Every timeout of the server and the proxy. None depends on a default of the runtime.
 * @module
 */

/** Maximum length of the head of a message, in bytes: 64 KiB of cookies, and as much for all other fields. */
export const MAX_HEADER_BYTES = 128 * 1024;

/** Timeouts of client connections, in milliseconds. */
export const CLIENT_CLOCKS = {
  /** Idle connections. Longer than the 60 s of common load balancers, so that they close first. */
  idleMs: 75_000,
  /** The head of a request, from its first byte or from the opening of the connection. */
  headMs: 60_000,
  /** Silence of a client in the middle of its body. An upload that makes progress has no timeout. */
  uploadIdleMs: 60_000,
  /** Time in which a client reads nothing of a waiting response. */
  downloadIdleMs: 60_000,
  /** How long the rest of an upload is read and discarded after an early response. */
  lingerMs: 5_000,
};

/** Timeouts of origin connections, in milliseconds. The timeout before the response is `ProxyOptions.timeoutMs`. */
export const ORIGIN_CLOCKS = {
  /** Opening a connection. */
  connectMs: 10_000,
  /** Idle connections, if the origin names no timeout. */
  idleMs: 4_000,
  /** Maximum for idle connections, if the origin names a timeout. */
  idleMaxMs: 60_000,
};

/** Interval between checks for expired timeouts, in milliseconds. */
export const CHECK_MS = 500;
