/**
 * Every clock of the server and the proxy, in one place. No runtime's default is relied on.
 * @module
 */

/** The largest head of a message, in bytes: cookies of 64 KiB and what goes with them. */
export const MAX_HEADER_BYTES = 128 * 1024;

/** Clocks toward clients, in milliseconds. */
export const CLIENT_CLOCKS = {
  /** How long an idle connection is kept. Longer than the 60 s of common load balancers: they close first. */
  idleMs: 75_000,
  /** How long the head of a request may take, from its first byte or from the opening of the connection. */
  headMs: 60_000,
  /** How long a client may send nothing of a body that it announced. An upload that makes progress has no end. */
  uploadIdleMs: 60_000,
  /** How long a client may take nothing of an answer that waits for it. */
  downloadIdleMs: 60_000,
  /** How long the rest of an upload is read and dropped after an answer that came before its end. */
  lingerMs: 5_000,
};

/** Clocks toward the origin, in milliseconds. `publisher.originTimeoutMs` is how long it may be silent before its answer. */
export const ORIGIN_CLOCKS = {
  /** How long opening a connection may take. */
  connectMs: 10_000,
  /** How long an idle connection is kept where the origin names no time. */
  idleMs: 4_000,
  /** How long it is kept at the most where the origin names one. */
  idleMaxMs: 60_000,
};

/** How often exchanges are looked at for a clock that has run out, in milliseconds. */
export const CHECK_MS = 500;
