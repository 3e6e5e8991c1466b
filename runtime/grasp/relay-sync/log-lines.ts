/**
 * What is logged of relay sync (O13): names of relays, never addresses.
 * @module
 */
import type { LogLine } from "../log-lines.ts";
import type { RelaySyncEvent } from "./events.ts";

/** The line for what happened; `null`: nothing is logged. */
export function relaySyncLine(event: RelaySyncEvent): LogLine | null {
  const { kind, ...rest } = event;
  switch (event.kind) {
    case "avoided":
      return { level: "warn", message: "a relay is left alone for some hours", fields: rest };
    case "abandoned":
      return { level: "warn", message: "a part of a relay's history was given up", fields: rest };
    case "stepped-below":
      return { level: "warn", message: "a relay has more events of one second than a page", fields: rest };
    case "no-room":
      return { level: "warn", message: "a relay has no room for all live filters", fields: rest };
    case "failed":
      return { level: "error", message: "an event of a relay could not be judged", fields: rest };
    case "tracked":
      return { level: "info", message: "a relay is followed", fields: rest };
    case "untracked":
      return { level: "info", message: "a relay is followed no more", fields: rest };
    case "history":
      return { level: "info", message: "a relay's history was read", fields: rest };
    case "rate-limited":
      return { level: "info", message: "a relay asks for fewer requests", fields: rest };
    case "judged-again":
      return { level: "info", message: "refused events are judged again", fields: rest };
    case "received":
    case "refused-hit":
    case "state":
      return null;
    default:
      return { level: "debug", message: `relay sync: ${kind}`, fields: rest };
  }
}
