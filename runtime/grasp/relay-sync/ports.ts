/**
 * What relay sync (GRASP-02) needs of its host: connections to other relays, a memory that survives a restart, and a signature.
 * Clock and random are those of `runtime/platform.ts`; the database and purgatory come with {@link RelaySyncParts.grasp}.
 * The host makes one `RelaySync` (`relay-sync.ts`) of these parts, calls `start()` after `grasp.start()`, `stop()` before the store is
 * closed, and shows `view()`.
 * @module
 */
import type { Clock, Random } from "../../platform.ts";
import type { NostrEvent, UnsignedEvent } from "../events/event.ts";
import type { Grasp } from "../grasp.ts";
import type { EventStore } from "../ports.ts";
import type { Sha256 } from "../relay/negentropy-records.ts";
import type { CloseReason, RelaySyncListener } from "./events.ts";

/** Who is told of a connection. Nothing is told after `onClose`, nor after {@link Connection.close}. */
export interface ConnectionListener {
  /** The WebSocket is open. */
  onOpen(): void;
  /** One text message. Binary messages are a fault of protocol. */
  onText(text: string): void;
  /** Called once, also if the connection never opened. Not called after {@link Connection.close}. */
  onClose(reason: CloseReason): void;
}

/** One connection, which may not be open yet. */
export interface Connection {
  /** Sends a text message. Does nothing unless the connection is open. */
  send(text: string): void;
  /** Ends the connection, open or not. Does nothing the second time. */
  close(): void;
  /** Bytes that are sent and have not left this machine. */
  readonly unsentBytes: number;
}

export interface DialOptions {
  /** Longest message that is taken, in bytes. */
  readonly maxMessageBytes: number;
  /** Time until the WebSocket must be open, in milliseconds. */
  readonly openMs: number;
}

/** What a relay says of itself (NIP-11), as far as it can be read. */
export interface RelayInformation {
  /** `null`: it does not say. */
  readonly supportedNips: readonly number[] | null;
  readonly maxSubscriptions: number | null;
  readonly maxLimit: number | null;
}

/** Opens connections. Each time the host is resolved and its address checked; the connection uses this address (L4, S20). */
export interface Dialer {
  /** Begins to connect. The listener is never called before this returns. @param url as {@link relayUrl} writes it */
  dial(url: string, options: DialOptions, listener: ConnectionListener): Connection;
  /** Asks for a relay's NIP-11 document, with the same judged addresses. Never rejects; `null`: none that can be read. */
  information(url: string): Promise<RelayInformation | null>;
}

/** A refused announcement or state that may be let in later (L22). */
export interface RefusedRow {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  readonly kind: number;
  readonly author: string;
  readonly identifier: string;
  /** The relay that sent it. */
  readonly relay: string;
  /** Until when its id is known, in milliseconds since the epoch. */
  readonly coldUntilMs: number;
  /** The event, while it is hot; `null`: only its id is known. */
  readonly hot: { readonly event: NostrEvent; readonly untilMs: number } | null;
}

/** What is remembered of one relay (L17, L25). Times are milliseconds since the epoch. */
export interface Cursor {
  readonly url: string;
  /** The connection was last known to be alive with complete live subscriptions; `null`: never. */
  readonly aliveAtMs: number | null;
  /** The last whole history was complete; `null`: none is. */
  readonly historyAtMs: number | null;
}

/**
 * What survives a restart. Writes return at once and may reach the disk a few seconds later; a crash may lose them.
 * {@link Memory.flush} waits for the disk.
 */
export interface Memory {
  /** All rows, the oldest put first. */
  refused(): Iterable<RefusedRow>;
  /** Adds a row, or replaces the one of this id. */
  putRefused(row: RefusedRow): void;
  removeRefused(id: string): void;
  cursors(): Iterable<Cursor>;
  /** Adds a cursor, or replaces the one of this URL. */
  putCursor(cursor: Cursor): void;
  removeCursor(url: string): void;
  flush(): Promise<void>;
}

/** The settings `grasp.sync.*` (operations.md). */
export interface RelaySyncSettings {
  readonly bootstrap: readonly string[];
  readonly negentropy: boolean;
  readonly baseBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly avoidMs: number;
  readonly refusedHotMs: number;
  readonly refusedColdMs: number;
  /** Whether `ws:` is allowed beside `wss:`. */
  readonly allowInsecure: boolean;
}

/** What relay sync needs. */
export interface RelaySyncParts {
  readonly grasp: Grasp;
  readonly store: EventStore;
  readonly dialer: Dialer;
  readonly memory: Memory;
  readonly settings: RelaySyncSettings;
  /** Never goes back: `monotonicClock` of the host's. */
  readonly clock: Clock;
  readonly random: Random;
  readonly sha256: Sha256;
  /** Signs with the relay key (NIP-42, L4). */
  sign(event: Omit<UnsignedEvent, "pubkey">): NostrEvent | Promise<NostrEvent>;
  /** Hears what happens, for metrics and log. */
  readonly onEvent: RelaySyncListener;
}
