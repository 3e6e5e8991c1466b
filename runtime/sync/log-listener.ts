import type { Log, LogFields } from "../platform.ts";
import type { SyncEvent, SyncListener } from "./events.ts";

/** Options of {@link logListener}. */
export interface LogListenerOptions {
  /** How an identifier is named in the log. Default: its first 8 characters, since it may be personal. */
  nameInLog?: (identifier: string) => string;
  /** Further fields of a line. Default: none. @param identifier that the line is about; `undefined`: none. */
  fieldsFor?: (identifier: string | undefined) => LogFields | undefined;
}

/**
 * Writes the engine's events to a log: completions and expiries at info, attempts and turns at debug, failures and rests at
 * warn. Each line has the event's kind in the field `event`. A source is never written, only its domain.
 */
export function logListener(log: Log, options: LogListenerOptions = {}): SyncListener {
  const nameInLog = options.nameInLog ?? firstCharacters;
  const { fieldsFor = () => undefined } = options;

  /** Most logs drop these lines, so that they are kept cheap. */
  function queueLine({ kind, identifier, domain }: QueueEvent, message: string): void {
    log.debug(message, {
      ...fieldsFor(identifier),
      event: kind,
      identifier: nameInLog(identifier),
      domain,
    });
  }

  function line(
    level: "debug" | "info" | "warn",
    { kind, source: _, ...facts }: Facts,
    message: string,
  ): void {
    const fields: LogFields = { ...fieldsFor(facts.identifier), event: kind, ...facts };
    if (facts.identifier !== undefined) fields.identifier = nameInLog(facts.identifier);
    log[level](message, fields);
  }

  return (event) => {
    switch (event.kind) {
      case "domain-turn":
        return queueLine(event, "an identifier gets a domain's turn");
      case "domain-requeued":
        return queueLine(event, "an identifier goes to the back of a domain's queue");
      case "domain-joined":
        return queueLine(event, "an identifier joins a domain's queue");
      case "domain-left":
        return queueLine(event, "an identifier leaves a domain's queue");
      case "domain-place-kept":
        return queueLine(event, "an identifier keeps its position in a domain's queue");
      case "domain-parked":
        return queueLine(event, "an identifier is skipped while it is being fetched from the domain");
      case "fetch-ended":
        if (event.outcome === "failed" || event.outcome === "timeout") line("warn", event, "a fetch failed");
        return;
      case "attempt-started":
        return line("debug", event, "an attempt starts");
      case "attempt-ended":
        return line("debug", event, "an attempt ends");
      case "try-started":
        return line("debug", event, "an immediate attempt starts");
      case "try-ended":
        return line("debug", event, "an immediate attempt ends");
      case "completed":
        return line("info", event, "an identifier is complete");
      case "expired":
        return line("info", event, "an identifier expired");
      case "prolonged":
        return line("debug", event, "the expiry of an identifier is prolonged");
      case "look-up-failed":
        return line("warn", event, "cannot look up what is needed");
      case "process-failed":
        return line("warn", event, "cannot process what was fetched");
      case "source-set-aside":
        return line("warn", event, "a source is set aside");
      case "domain-rested":
        return line("warn", event, "a domain rests");
      case "limiter-failed":
        return line("warn", event, "the rate limiter failed; nothing is fetched without it");
      case "lease-failed":
        return line("warn", event, "a lease cannot be renewed or given back");
      case "lease-lost":
        return line("warn", event, "a lease is lost to another instance");
      default:
    }
  };
}

/** The events of a domain's queue, of which there are most. */
type QueueEvent = Extract<SyncEvent, { identifier: string; domain: string }>;

/** What an event may hold. */
interface Facts {
  kind: string;
  identifier?: string;
  source?: unknown;
}

function firstCharacters(identifier: string): string {
  return identifier.slice(0, 8);
}
