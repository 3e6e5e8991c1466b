/**
 * What is logged of what happens (O13, P26): without addresses, and ids cut to 8 characters.
 * @module
 */
import type { Redaction } from "../observe/redaction.ts";
import type { LogFields } from "../platform.ts";
import { ownerText, readRepositoryName } from "./contributor.ts";
import type { GraspHappening } from "./happenings.ts";
import { toNpub } from "./npub.ts";
import type { Entry } from "./purgatory/entry.ts";

/** Whole ids and keys in hex are cut to their first 8 characters; the relay's key is not logged at all. */
export const GRASP_REDACTION: Redaction = {
  fields: ["relayKey", "address"],
  patterns: [
    {
      pattern: /(?<![0-9A-Za-z])([0-9a-fA-F]{8})[0-9a-fA-F]{32,56}(?![0-9A-Za-z])/g,
      replacement: "$1…",
    },
  ],
};

/** A line of the log. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

/** The line for what happened; `null`: nothing is logged. */
export function logLine(happening: GraspHappening): LogLine | null {
  switch (happening.kind) {
    case "left": {
      const { entry, because, reason } = happening;
      const fields = { ...entryFields(entry), because, ...(reason === undefined ? {} : { reason }) };
      // What a client sent and lost is worth a warning; what sync brought may come again (P4).
      if (because === "failed") return { level: "error", message: "an event left purgatory", fields };
      const isLoss = because === "expired" && entry.source === "direct";
      return { level: isLoss ? "warn" : "debug", message: "an event left purgatory", fields };
    }
    case "soft-expired":
      return {
        level: happening.entry.source === "direct" ? "warn" : "debug",
        message: "an announcement's repository expired",
        fields: { ...entryFields(happening.entry), because: "expired" },
      };
    case "revived":
      return { level: "info", message: "an announcement is back", fields: entryFields(happening.entry) };
    case "no-room":
      return {
        level: "warn",
        message: "purgatory has no room",
        fields: { store: happening.store, bound: happening.bound },
      };
    case "release-failed": {
      const { identifier, event, error } = happening;
      return {
        level: "error",
        message: "a release failed",
        fields: { identifier, ...(event === null ? {} : { id: event.id.slice(0, 8) }), error },
      };
    }
    case "push-judged": {
      const { owner, identifier, granted, reason } = happening;
      return {
        level: granted ? "info" : "debug",
        message: granted ? "a push was granted" : "a push was refused",
        fields: { npub: ownerText(owner), identifier, reason },
      };
    }
    case "repository-created":
    case "repository-deleted": {
      const { kind, owner, identifier } = happening;
      const message = kind === "repository-created" ? "a repository was created" : "a repository was deleted";
      return { level: "info", message, fields: { npub: ownerText(owner), identifier } };
    }
    default:
      return null;
  }
}

/** Identifier, npub, beginning of the id, kind and source (P26). */
function entryFields(entry: Entry): LogFields {
  const { source } = entry;
  if (entry.store === "placeholder") {
    const { owner } = readRepositoryName(entry.repository);
    return {
      identifier: entry.identifier,
      npub: ownerText(owner),
      id: entry.id.slice(0, 8),
      store: entry.store,
      source,
    };
  }
  const { id, pubkey, kind } = entry.event;
  const identifier = entry.store === "pr" ? entry.identifiers.join(" ") : entry.identifier;
  return { identifier, npub: toNpub(pubkey), id: id.slice(0, 8), kind, source };
}
