/**
 * What waits in purgatory (P1 to P4), as plain data: the journal keeps it as it is.
 * @module
 */
import type { NostrEvent } from "../events/event.ts";

/** Where an event came from (P4): a client, or another server. */
export type Source = "direct" | "sync";

/** Where an event came from. */
export interface From {
  readonly source: Source;
  /** The client's address, as far as bounds need it; `null`: it came from another server. */
  readonly address: string | null;
}

/** What all entries have. */
interface Waiting extends From {
  /** Arrival, in milliseconds since the epoch. */
  readonly arrivedMs: number;
  /** When it expires, in milliseconds since the epoch. */
  readonly deadlineMs: number;
}

/** An announcement that waits for a state with its Git data (P1). */
export interface WaitingAnnouncement extends Waiting {
  readonly store: "announcement";
  readonly event: NostrEvent;
  readonly identifier: string;
  /** It expired: its repository is gone, and a state of an authorised author revives it (P19, P22). */
  readonly isSoftExpired: boolean;
}

/** A state that waits for its objects (P2). */
export interface WaitingState extends Waiting {
  readonly store: "state";
  readonly event: NostrEvent;
  readonly identifier: string;
}

/** A PR or PR update that waits for its commit (P3). */
export interface WaitingPr extends Waiting {
  readonly store: "pr";
  readonly event: NostrEvent;
  /** The identifiers of the repositories here that it tags. */
  readonly identifiers: readonly string[];
}

/** An upload to `refs/nostr/<id>` whose event is not known (A29, A30). */
export interface Placeholder extends Waiting {
  readonly store: "placeholder";
  /** The event's id. */
  readonly id: string;
  /** The repository: `<owner>/<identifier>`. */
  readonly repository: string;
  readonly identifier: string;
  readonly commit: string;
  /** Bytes on the disk. */
  readonly bytes: number;
}

/** An entry that is an event. */
export type Releasable = WaitingAnnouncement | WaitingState | WaitingPr;

/** One entry. */
export type Entry = Releasable | Placeholder;

/** The stores, in the order of P1 to P4. */
export const STORES: readonly Entry["store"][] = ["announcement", "state", "pr", "placeholder"];

/** The key of an entry in the journal. */
export function keyOf(entry: Entry): string {
  switch (entry.store) {
    case "announcement":
      return `a:${entry.event.pubkey}:${entry.identifier}`;
    case "placeholder":
      return `p:${entry.repository}:${entry.id}`;
    default:
      return `e:${entry.event.id}`;
  }
}

/** The identifiers that an entry belongs to. */
export function identifiersOf(entry: Entry): readonly string[] {
  return entry.store === "pr" ? entry.identifiers : [entry.identifier];
}
