import type { Log, LogFields } from "../platform.ts";
import type { SyncEvent, SyncListener } from "./events.ts";

/** Options of {@link logListener}. */
export interface LogListenerOptions {
  /** How an identifier is named in the log. Default: its first 8 characters, since it may be personal. */
  nameInLog?: (identifier: string) => string;
}

/** Level and message of each event that is logged; the message is constant for each event. */
const LINES: { [K in SyncEvent["kind"]]?: readonly [level: keyof Log, message: string] } = {
  "attempt-started": ["debug", "an attempt starts"],
  "attempt-ended": ["debug", "an attempt ends"],
  "try-started": ["debug", "an immediate attempt starts"],
  "try-ended": ["debug", "an immediate attempt ends"],
  completed: ["info", "an identifier is complete"],
  expired: ["info", "an identifier expired"],
  prolonged: ["debug", "the expiry of an identifier is prolonged"],
  "look-up-failed": ["warn", "cannot look up what is needed"],
  "source-set-aside": ["warn", "a source is set aside"],
  "process-failed": ["warn", "cannot process what was fetched"],
  "domain-joined": ["debug", "an identifier joins a domain's queue"],
  "domain-turn": ["debug", "an identifier gets a domain's turn"],
  "domain-requeued": ["debug", "an identifier goes to the back of a domain's queue"],
  "domain-place-kept": ["debug", "an identifier keeps its position in a domain's queue"],
  "domain-parked": ["debug", "an identifier is skipped while it is being fetched from the domain"],
  "domain-left": ["debug", "an identifier leaves a domain's queue"],
  "domain-rested": ["warn", "a domain rests"],
  "limiter-failed": ["warn", "the rate limiter failed; nothing is fetched without it"],
  "lease-failed": ["warn", "a lease cannot be renewed or given back"],
  "lease-lost": ["warn", "a lease is lost to another instance"],
};

/**
 * Writes the engine's events to a log: completions and expiries at info, attempts and turns at debug, failures and rests at
 * warn. Each line has the event's kind in the field `event`. A source is never written, only its domain.
 */
export function logListener(log: Log, options: LogListenerOptions = {}): SyncListener {
  const { nameInLog = firstCharacters } = options;
  return (event) => {
    const line = event.kind === "fetch-ended" ? lineOf(event.outcome) : LINES[event.kind];
    if (line === undefined) return;
    const [level, message] = line;
    const fields: LogFields = { event: event.kind };
    if ("identifier" in event) fields.identifier = nameInLog(event.identifier);
    if ("domain" in event) fields.domain = event.domain;
    // Most events are for debug, and most logs drop them: those do not pay for more fields.
    if (level === "warn") addFacts(fields, event);
    log[level](message, fields);
  };
}

/** Adds what an event says of a fault. */
function addFacts(fields: LogFields, event: SyncEvent): void {
  for (const [name, value] of Object.entries(event)) {
    if (name !== "kind" && name !== "source" && !(name in fields)) fields[name] = value;
  }
}

/** Only fetches that failed are logged. */
function lineOf(outcome: string): readonly [level: keyof Log, message: string] | undefined {
  return outcome === "failed" || outcome === "timeout" ? ["warn", "a fetch failed"] : undefined;
}

function firstCharacters(identifier: string): string {
  return identifier.slice(0, 8);
}
