/**
 * What the sync engine tells about its work. Log and metrics are listeners of these events.
 * @module
 */
import type { Source } from "./source.ts";

/**
 * How a fetch ended. `obtained`: with items. `empty`: without. `limited`: the server asked for fewer requests.
 * `unusable`: only this source failed. `aborted`: the engine did not want it any more.
 */
export type Outcome = "obtained" | "empty" | "failed" | "timeout" | "limited" | "unusable" | "aborted";

/** Why the queue refused an identifier. */
export type RefusalReason = "full" | "stopped";

/** All reasons. */
export const REFUSALS: readonly RefusalReason[] = ["full", "stopped"];

/**
 * How far `tryNow` came. `complete`: nothing is needed any more. `throttled`: a source is left whose domain had no room.
 * `incomplete`: no source is left to ask now, and something is still missing.
 */
export type TryResult = "complete" | "throttled" | "incomplete";

/** One event of the engine; `kind` says which. */
export type SyncEvent =
  /** The queue refused an identifier. */
  | { kind: "refused"; identifier: string; reason: RefusalReason }
  /** The main path starts an attempt; `attempts`: attempts since the last fresh start. */
  | { kind: "attempt-started"; identifier: string; attempts: number }
  | { kind: "attempt-ended"; identifier: string }
  /** `tryNow` starts. */
  | { kind: "try-started"; identifier: string }
  | { kind: "try-ended"; identifier: string; result: TryResult }
  /** Nothing is needed any more; the identifier left the queue. */
  | { kind: "completed"; identifier: string }
  | { kind: "expired"; identifier: string }
  /** The progress of a fetch prolonged the expiry: not earlier than `forMs` from now. */
  | { kind: "prolonged"; identifier: string; forMs: number }
  /** The context failed, or did not answer in time, when asked what is needed. */
  | { kind: "look-up-failed"; identifier: string; error: unknown }
  | { kind: "fetch-started"; identifier: string; domain: string; source: Source }
  /** `items`: number of items that came. `error`: why it ended without any, if it did not succeed. */
  | {
      kind: "fetch-ended";
      identifier: string;
      domain: string;
      source: Source;
      outcome: Outcome;
      items: number;
      error?: unknown;
    }
  /** A source is not asked for this identifier; `forMs` null: until its next fresh start. */
  | { kind: "source-set-aside"; identifier: string; source: Source; forMs: number | null; error: unknown }
  /** The context could not process what a fetch brought. */
  | { kind: "process-failed"; identifier: string; source: Source; error: unknown }
  /** An identifier joined the queue of a domain that had no room. */
  | { kind: "domain-joined"; identifier: string; domain: string }
  /** The domain's next identifier chooses a source; it waited `waitedMs`. */
  | { kind: "domain-turn"; identifier: string; domain: string; waitedMs: number }
  /** After its turn an identifier went to the back of the queue. */
  | { kind: "domain-requeued"; identifier: string; domain: string }
  /** An identifier returned to its old position in the queue. */
  | { kind: "domain-place-kept"; identifier: string; domain: string }
  /** An identifier was skipped because it is being fetched from this domain already. */
  | { kind: "domain-parked"; identifier: string; domain: string }
  | { kind: "domain-left"; identifier: string; domain: string }
  /** No fetch starts at the domain for `restMs` milliseconds. */
  | { kind: "domain-rested"; domain: string; because: Outcome; restMs: number }
  /** The rate limiter failed; nothing is fetched without it. */
  | { kind: "limiter-failed"; domain: string; error: unknown }
  /** A lease could not be renewed or given back. */
  | { kind: "lease-failed"; identifier: string; error: unknown }
  /** Another instance holds the lease of an identifier that was being worked on; its fetches are aborted. */
  | { kind: "lease-lost"; identifier: string }
  /**
   * No more is due now, or no work is under way; `queued`: number of queued identifiers. At most about once a second while
   * the engine works. Listeners that batch should write here.
   */
  | { kind: "checkpoint"; queued: number };

/** Called synchronously for each event: must be quick, must not throw, and must not call the engine. */
export type SyncListener = (event: SyncEvent) => void;

/** Makes one listener of several. */
export function combineListeners(...listeners: readonly SyncListener[]): SyncListener {
  return (event) => {
    for (const listener of listeners) listener(event);
  };
}
