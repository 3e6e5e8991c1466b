/**
 * The answer to an event (R14).
 * @module
 */
import type { Judged } from "./happenings.ts";
import { PURGATORY, type RefusalPrefix, type Verdict } from "./policy/verdict.ts";
import type { Saved } from "./ports.ts";
import type { BoundName } from "./purgatory/bounds.ts";

/** The `OK` of an event. */
export interface Answer {
  /** The event's id, as far as it could be read. */
  readonly id: string;
  readonly ok: boolean;
  readonly text: string;
}

/** What became of an event, and the text of its `OK`. */
export interface Outcome extends Pick<Judged, "outcome" | "reason"> {
  readonly text: string;
  /** It is refused, and a change of the maintainer sets could let it in (N12). Default: no. */
  readonly mayTurn?: boolean;
  /** Its id or its signature is wrong (L19). Default: no. */
  readonly isForged?: boolean;
}

export const WAITS: Outcome = { outcome: "waits", reason: null, text: PURGATORY };

export function stored(text = ""): Outcome {
  return { outcome: "stored", reason: null, text };
}

/** Nothing changes, and the event is known or older than what is known (R15, R34, R41). */
export function duplicate(text: string): Outcome {
  return { outcome: "duplicate", reason: null, text: `duplicate: ${text}` };
}

export function refused(reason: RefusalPrefix, text: string): Outcome {
  return { outcome: "refused", reason, text: `${reason}: ${text}` };
}

/** The answer to an event whose id or signature is wrong. */
export function forged(text: string): Outcome {
  return { ...refused("invalid", text), isForged: true };
}

/** The answer to an event that purgatory has no room for (P6). */
export function notAdded(added: { outcome: "older" } | { outcome: "full"; bound: BoundName }): Outcome {
  if (added.outcome === "older") return duplicate("a newer one is known");
  return refused("rate-limited", `too much waits already (${added.bound}); try again later`);
}

/** The answer to an event that the store did not take (R55). */
export function notSaved(saved: Exclude<Saved, { outcome: "stored" }>): Outcome {
  if (saved.outcome === "duplicate") return duplicate("it is served");
  if (saved.reason === "older") return duplicate("a newer one is known");
  return refused("blocked", `it is ${saved.reason === "expired" ? "expired" : "deleted"}`);
}

/** The answer that a verdict is, if it neither serves nor waits; `null`: it does. */
export function answerOf(verdict: Verdict): Outcome | null {
  switch (verdict.kind) {
    case "refuse":
      return { ...refused(verdict.prefix, verdict.text), mayTurn: verdict.mayTurn === true };
    case "duplicate":
      return duplicate(verdict.text);
    case "delist":
      return refused("restricted", verdict.text);
    default:
      return null;
  }
}
