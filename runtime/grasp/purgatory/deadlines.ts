/**
 * Every figure of purgatory's time (P13 to P20), and the decisions that follow from a figure alone.
 * @module
 */
import type { Entry } from "./entry.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** All in milliseconds. */
export const DEADLINES_MS = {
  /** From arrival (P13), and from what prolongs an announcement (P16). */
  arrival: 30 * MINUTE_MS,
  /** From a granted push on a waiting state (P14). */
  push: 15 * MINUTE_MS,
  /** Longest time after arrival that a push or a fetch can prolong to (P15). */
  whileBytesFlow: 2 * HOUR_MS,
  /** From the upload of a placeholder (P20). */
  placeholder: 20 * MINUTE_MS,
  /** How long a soft-expired announcement is kept (P19). */
  softExpired: 24 * HOUR_MS,
  /** How long an expired id is remembered (P18). */
  rememberExpired: 7 * 24 * HOUR_MS,
  /** What every entry has at least after a restart (P29). */
  restart: 5 * MINUTE_MS,
  /** Between two sweeps (P21). */
  sweep: MINUTE_MS,
} as const;

/** A deadline that was prolonged. It never becomes earlier (P21). */
export function prolonged<E extends Entry>(entry: E, untilMs: number): E {
  return untilMs <= entry.deadlineMs ? entry : { ...entry, deadlineMs: untilMs };
}

/** The deadline of an entry for which bytes flow (P15). */
export function flowingUntilMs(entry: Entry, nowMs: number): number {
  return Math.min(nowMs + DEADLINES_MS.push, entry.arrivedMs + DEADLINES_MS.whileBytesFlow);
}

/** What a sweep does with an entry. */
export type SweepDecision = "keep" | "soft_expire" | "expire";

/** @param nowMs milliseconds since the epoch, by a clock that no correction turns back (P25). */
export function sweepDecision(entry: Entry, nowMs: number): SweepDecision {
  if (nowMs < entry.deadlineMs) return "keep";
  return entry.store === "announcement" && !entry.isSoftExpired ? "soft_expire" : "expire";
}
