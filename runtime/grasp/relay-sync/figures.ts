/**
 * All figures of relay sync. Times are milliseconds unless the name says otherwise.
 * @module
 */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Interval at which the coordinator looks at every relay. */
export const TICK_MS = 2 * SECOND;
/** New targets are gathered over this time (L12). */
export const GATHER_MS = 5 * SECOND;

/** Relays that one author can make us open, and relays in all (L4). */
export const MAX_RELAYS = { author: 10, total: 1000 } as const;

/** Values of one filter of a layer (L5). */
export const MAX_VALUES = 100;
/** Open subscriptions on one relay stay below 70 (L13). */
export const MAX_SUBSCRIPTIONS = 69;
/** Filters of one subscription, and bytes of its message: relays take messages of 128 KiB at least. */
export const MAX_FILTERS = 10;
export const MAX_REQUEST_BYTES = 60_000;
/** Longest negentropy message that we send, in bytes; as hex it is twice as long. */
export const NEGENTROPY_FRAME_BYTES = 30_000;
/** Records on our side of one negotiation. With more, the filter is split by time (L8). */
export const MAX_RECORDS = 500_000;
/** Messages of one negotiation. */
export const MAX_ROUNDS = 1000;

/** Events of one page (L10). A relay's own maximum may be lower. */
export const PAGE_LIMIT = 500;
/** Pages that end in the same second before the next one steps below it. */
export const MAX_PAGES_OF_A_SECOND = 10;
/** Pages of one part of the history. */
export const MAX_PAGES = 2000;
/** Missing ids that are fetched at once (L9). */
export const FETCHED_IDS = 300;
/** The second look follows after this time (L9). */
export const SECOND_LOOK_MS = 6 * SECOND;
/** Tries of one page or fetch (L11). */
export const MAX_TRIES = 3;

/** Time until a WebSocket must be open. */
export const OPEN_MS = 15 * SECOND;
/** Time until `EOSE` (L11). */
export const EOSE_MS = 30 * SECOND;
/** Silence after the first `NEG-OPEN` of a connection that means "no NIP-77" (L30). */
export const FIRST_NEGENTROPY_MS = 10 * SECOND;
/** Time until the answer to any other message of a negotiation. */
export const NEGENTROPY_MS = 30 * SECOND;

/** Connections that are opened in one tick: together they are open within 40 s. */
export const DIALS_A_TICK = 50;
/** Time until NIP-11 must be here; then the connection goes on without. */
export const INFORMATION_MS = 5 * SECOND;
/** A cursor is written in this interval while its connection is well. */
export const CURSOR_MS = MINUTE;

/** A connection is stable after this time. */
export const STABLE_MS = 5 * MINUTE;
/** A relay is dead after this time without a connection, and is tried once in this time. */
export const DEAD_MS = 24 * HOUR;
/** Rest after a rate limit (L16). */
export const REST_MS = 65 * SECOND;
/** After a gap shorter than this we resume, after a longer one we start fresh (L17). */
export const RESUME_MS = 15 * MINUTE;
/** How far before the loss we resume (L27). */
export const RESUME_BEFORE_SECONDS = 3600;
/** Full reconciliation, at a random moment between the two. */
export const FULL_MS = { least: 23 * HOUR, most: 25 * HOUR } as const;
/** A subscription that a relay closed is asked again after this time, doubling (L31). */
export const ASK_AGAIN_MS = { first: MINUTE, most: HOUR } as const;

/**
 * Events of one relay in a minute: those that come by themselves, more of which are a flood (L19), and those of pages that we ask for.
 * A page is asked for when the one before is applied, so that the second is a bound for what a relay may keep us busy with.
 */
export const EVENTS_PER_MINUTE = { unasked: 6000, asked: 30_000 } as const;
/** Bytes that one relay's messages may take while they wait (L19), and those at which a page is cut off. */
export const MAX_HELD_BYTES = { relay: 16 * 1024 ** 2, page: 12 * 1024 ** 2 } as const;
/** Bytes that a relay has not read at which the connection is closed. */
export const MAX_UNSENT_BYTES = 4 * 1024 ** 2;
/** Subscriptions that are closed and whose events may still be on their way. */
export const MAX_CLOSED_NAMES = 200;
/** Rests that one page or fetch waits for. */
export const MAX_RESTS = 10;
/** Time in which a relay sends its challenge after `auth-required:` (L31). */
export const CHALLENGE_MS = 10 * SECOND;
/** Longest message that is taken, in bytes: an event with 1 MiB of content fits. */
export const MAX_MESSAGE_BYTES = 4 * 1024 ** 2;
/** Forged events, and events that were not asked for, of one connection that make us turn away (L19). */
export const MAX_STRIKES = 3;

/** Refused events that are kept, and refused ids that are known (L22). */
export const MAX_REFUSED = { hot: 10_000, cold: 1_000_000 } as const;
