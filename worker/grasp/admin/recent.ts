/**
 * The last things that happened, for the operator's page: the lines of the log, of every level.
 * @module
 */
import type { GraspHappening } from "../../../runtime/grasp/happenings.ts";
import { GRASP_REDACTION, logLine } from "../../../runtime/grasp/log-lines.ts";
import type { LogFields } from "../../../runtime/platform.ts";
import { MAX_RECENT, type RecentStatus } from "./status.ts";

/** Longest value of a field, in characters: reasons of failures are foreign. */
const MAX_VALUE = 200;

export class Recent {
  readonly #nowMs: () => number;
  /** The oldest first. */
  readonly #kept: RecentStatus[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A listener of what happens. */
  readonly listen = (happening: GraspHappening): void => {
    const line = logLine(happening);
    if (line === null) return;
    const { level, message, fields } = line;
    this.#kept.push({ at_ms: this.#nowMs(), level, message, details: detailsOf(fields) });
    if (this.#kept.length > MAX_RECENT) this.#kept.shift();
  };

  /** The newest first. */
  list(): RecentStatus[] {
    return this.#kept.toReversed();
  }
}

function detailsOf(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([name]) => !GRASP_REDACTION.fields.includes(name))
    .map(([name, value]) => `${name} ${textOf(value)}`)
    .join(", ");
}

function textOf(value: unknown): string {
  const text = value instanceof Error ? value.message : String(value);
  return GRASP_REDACTION.patterns
    .reduce((cut, { pattern, replacement }) => cut.replace(pattern, replacement), text)
    .slice(0, MAX_VALUE);
}
