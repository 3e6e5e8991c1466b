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

/** The deadline of an entry for which a push was granted or bytes flow (P14, P15): two hours after arrival at most. */
export function flowingUntilMs(entry: Entry, nowMs: number): number {
  const ms = entry.store === "announcement" ? DEADLINES_MS.arrival : DEADLINES_MS.push;
  return Math.min(nowMs + ms, entry.arrivedMs + DEADLINES_MS.whileBytesFlow);
}

/** An entry of the journal after a restart: at least five minutes (P29), and no more than an entry ever has (P25). */
export function restored<E extends Entry>(entry: E, nowMs: number): E {
  const most =
    entry.store === "placeholder"
      ? DEADLINES_MS.placeholder
      : entry.store === "announcement" && entry.isSoftExpired
        ? DEADLINES_MS.softExpired
        : DEADLINES_MS.arrival;
  const deadlineMs = Math.min(Math.max(entry.deadlineMs, nowMs + DEADLINES_MS.restart), nowMs + most);
  return { ...entry, arrivedMs: Math.min(entry.arrivedMs, nowMs), deadlineMs };
}

/** What a sweep does with an entry. */
export type SweepDecision = "keep" | "soft_expire" | "expire";

/** @param nowMs milliseconds since the epoch, by a clock that no correction turns back (P25). */
export function sweepDecision(entry: Entry, nowMs: number): SweepDecision {
  if (nowMs < entry.deadlineMs) return "keep";
  return entry.store === "announcement" && !entry.isSoftExpired ? "soft_expire" : "expire";
}
