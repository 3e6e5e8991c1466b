/** The figures of a status that the charts follow over time. */
import { type Figures, sumOf } from "../../admin/figures.ts";
import type { GraspStatus } from "./status.ts";

/** A value that only grows. */
export type Counter =
  | "stored"
  | "waits"
  | "duplicate"
  | "refused"
  | "released"
  | "expired"
  | "otherEnds"
  | "fetches"
  | "pushes"
  | "advertisements"
  | "failures";
/** A value that rises and falls. */
export type Level = "announcements" | "states" | "pullRequests" | "uploads" | "running" | "waitingForGit";

/** The part of a status that has the figures. */
export interface Measured {
  readonly metrics: GraspStatus["metrics"];
  readonly purgatory: Pick<GraspStatus["purgatory"], "counts">;
  readonly git: Pick<GraspStatus["git"], "shares">;
}

/** The metrics that {@link figuresOf} reads. */
export const FIGURE_METRICS: readonly string[] = [
  "grasp_events_received_total",
  "grasp_purgatory_left_total",
  "grasp_git_requests_total",
  "grasp_release_failures_total",
];

/** Reads the figures from an answer. */
export function figuresOf(
  status: Measured,
): Figures & { counters: Record<Counter, number>; levels: Record<Level, number> } {
  const events = (outcome: string) => sumOf(status, "grasp_events_received_total", { outcome });
  const left = (because: string) => sumOf(status, "grasp_purgatory_left_total", { because });
  const requests = (operation: string) => sumOf(status, "grasp_git_requests_total", { operation });
  const { counts } = status.purgatory;
  return {
    counters: {
      stored: events("stored"),
      waits: events("waits"),
      duplicate: events("duplicate"),
      refused: events("refused"),
      released: left("released"),
      expired: left("expired"),
      otherEnds: sumOf(status, "grasp_purgatory_left_total") - left("released") - left("expired"),
      fetches: requests("fetch"),
      pushes: requests("push"),
      advertisements: requests("advertise_fetch") + requests("advertise_push"),
      failures: failuresOf(status),
    },
    levels: {
      announcements: counts.announcement,
      states: counts.state,
      pullRequests: counts.pr,
      uploads: counts.placeholder,
      running: runningOf(status),
      waitingForGit: status.git.shares.reduce((sum, { waiting }) => sum + waiting, 0),
    },
  };
}

/** Faults of this server: releases that failed, and requests for repositories that ended with 500 or more. */
function failuresOf(status: Pick<Measured, "metrics">): number {
  return (
    sumOf(status, "grasp_release_failures_total") +
    sumOf(status, "grasp_git_requests_total", { status: "5xx" })
  );
}

/** Git processes that run. */
export function runningOf({ git }: Pick<Measured, "git">): number {
  return git.shares.reduce((sum, { running }) => sum + running, 0);
}

/** Everything that waits in purgatory. */
export function waitingOf({ purgatory }: Pick<Measured, "purgatory">): number {
  return Object.values(purgatory.counts).reduce((sum, count) => sum + count, 0);
}
