/**
 * The relay's limits (R4, table of limits).
 * @module
 */

/** Figures of the relay. */
export interface RelayLimits {
  /** Subscriptions of one connection, waiting queries included. Default: 500. */
  readonly subscriptions: number;
  /** Connections of one address. Default: 100. */
  readonly connectionsPerAddress: number;
  /** Connections of one address from which on it is reported. Default: 10. */
  readonly reportedConnections: number;
  /** Connections in all. Default: 10,000. */
  readonly connections: number;
  /** Unsent bytes at which a connection is closed. Default: 4 MiB. */
  readonly unsentBytes: number;
  /** Events of a connection, an address or an author: at once, and refilled a minute. Default: 120 and 60. */
  readonly events: { readonly capacity: number; readonly perMinute: number };
  /** Keys that one connection may prove (R70). Default: 16. */
  readonly keys: number;
  /** Time between two pings, in milliseconds. Default: 30,000. */
  readonly pingMs: number;
  /** Time without an answer to a ping after which a connection is closed, in milliseconds. Default: 60,000. */
  readonly unansweredMs: number;
  /** Negotiations of one connection. Default: 8. */
  readonly negotiations: number;
  /** Records of one negotiation. Default: 500,000. */
  readonly negotiationRecords: number;
  /** Records of all negotiations together. Default: 2,000,000, which is 72 MB. */
  readonly allNegotiationRecords: number;
  /** Time without a message after which a negotiation ends, in milliseconds. Default: 60,000. */
  readonly negotiationIdleMs: number;
}

export const RELAY_LIMITS: RelayLimits = {
  subscriptions: 500,
  connectionsPerAddress: 100,
  reportedConnections: 10,
  connections: 10_000,
  unsentBytes: 4 * 1024 ** 2,
  events: { capacity: 120, perMinute: 60 },
  keys: 16,
  pingMs: 30_000,
  unansweredMs: 60_000,
  negotiations: 8,
  negotiationRecords: 500_000,
  allNegotiationRecords: 2_000_000,
  negotiationIdleMs: 60_000,
};
