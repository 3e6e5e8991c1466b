/**
 * What happens in relay sync, told to listeners: metrics, the log and the operator's page.
 * @module
 */
/** Why a connection is over, or never was. */
export type CloseReason =
  /** The other side closed it, or the network failed: reset, refused, no answer in time. */
  | "connection"
  /** The name has no address. A resolver that fails for a moment is `connection`. */
  | "dns"
  | "tls"
  /** The answer is no WebSocket, or breaks its rules. */
  | "protocol"
  /** An address of the host is private, or not allowed (L4, S20). */
  | "address"
  /** A message was longer than {@link DialOptions.maxMessageBytes}. */
  | "too-large";

/**
 * State of a connection (L15). Its place in this list is the figure of the metrics. `avoided`: disconnected, and not tried for hours.
 */
export const STATES = [
  "disconnected",
  "connecting",
  "syncing",
  "connected",
  "connected-history-failed",
  "avoided",
] as const;

export type RelayState = (typeof STATES)[number];

/** How well a relay is (L15). */
export type RelayHealth = "healthy" | "degraded" | "dead" | "rate-limited" | "stable";

/** Why we turned away from a relay for 12 hours (L19, and the table of health). */
export type AvoidReason =
  | "dns"
  | "tls"
  | "protocol"
  | "address"
  | "invalid-signature"
  | "not-asked-for"
  | "flood";

/** What became of an event that a relay sent. `later`: refused for want of something that may come (L22). */
export type ReceivedOutcome = "stored" | "waits" | "duplicate" | "later" | "refused" | "error";

interface OfRelay {
  readonly relay: string;
}

export type RelaySyncEvent =
  /** A relay is tracked from now on; `untracked`: no announcement lists it any more (L3). */
  | ({ readonly kind: "tracked" | "untracked" } & OfRelay)
  /** A connection is being opened. */
  | ({ readonly kind: "attempt" } & OfRelay)
  | ({ readonly kind: "opened" } & OfRelay)
  /** A connection ended or did not open; `because: null`: we closed it. */
  | ({
      readonly kind: "closed";
      readonly because: CloseReason | "memory" | null;
      readonly wasOpen: boolean;
      readonly retryInMs: number | null;
    } & OfRelay)
  | ({ readonly kind: "state"; readonly state: RelayState; readonly health: RelayHealth } & OfRelay)
  /** It is not tried for some time (L19). */
  | ({ readonly kind: "avoided"; readonly because: AvoidReason; readonly untilMs: number } & OfRelay)
  /** It asked for fewer requests and has no new subscription for some time (L16). */
  | ({ readonly kind: "rate-limited"; readonly untilMs: number } & OfRelay)
  | ({ readonly kind: "received"; readonly eventKind: number; readonly outcome: ReceivedOutcome } & OfRelay)
  /** How the connection gets history (L8, L30). */
  | ({ readonly kind: "no-negentropy"; readonly because: "information" | "failed" } & OfRelay)
  /** More than one page has a single timestamp: what is beyond is not reached by pages (L10). */
  | ({ readonly kind: "stepped-below"; readonly timestamp: number } & OfRelay)
  /** A part of the history was given up (L11). */
  | ({
      readonly kind: "abandoned";
      readonly because: "closed" | "timeout" | "too-many-pages" | "error";
    } & OfRelay)
  /** A whole history is complete, or complete but for what was abandoned. */
  | ({ readonly kind: "history"; readonly complete: boolean; readonly tookMs: number } & OfRelay)
  /** Subscriptions were merged (L13). */
  | ({ readonly kind: "merged"; readonly before: number; readonly after: number } & OfRelay)
  /** Live filters that found no room in the relay's bound of subscriptions (L13). */
  | ({ readonly kind: "no-room"; readonly filters: number } & OfRelay)
  /** A subscription ended by the relay is asked again later (L31). */
  | ({ readonly kind: "subscription-closed"; readonly again: boolean; readonly inMs: number } & OfRelay)
  /** Events that were not fetched or not judged because their id is known as refused (L23). */
  | ({ readonly kind: "refused-hit"; readonly where: "hot" | "cold"; readonly count: number } & OfRelay)
  /** An event could not be judged: a fault of ours. */
  | ({ readonly kind: "failed"; readonly error: unknown } & OfRelay)
  /** An announcement names new maintainers: refused events are judged again (L24). */
  | {
      readonly kind: "judged-again";
      readonly identifier: string;
      readonly hot: number;
      readonly cold: number;
    };

export type RelaySyncListener = (event: RelaySyncEvent) => void;

/** One relay, for the operator's page and the command `sync` (O14). */
export interface RelayView {
  readonly url: string;
  readonly isBootstrap: boolean;
  readonly state: RelayState;
  readonly health: RelayHealth;
  readonly usesNegentropy: boolean | null;
  readonly subscriptions: number;
  /** Parts of the history that are still to come. */
  readonly pending: number;
  /** When it is tried again, in milliseconds since the epoch; `null`: it is connected. */
  readonly retryAtMs: number | null;
  /** Failures since the last stable connection. */
  readonly failures: number;
  /** Why it is not tried for hours; `null`: it is tried. */
  readonly avoidedBecause: AvoidReason | null;
  /** When its history was last complete here, in milliseconds since the epoch; `null`: not yet. */
  readonly historyAtMs: number | null;
  readonly identifiers: number;
}

/** Everything, for metrics and the operator's page. */
export interface RelaySyncView {
  readonly relays: readonly RelayView[];
  readonly refusedHot: number;
  readonly refusedCold: number;
}
