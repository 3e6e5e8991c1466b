/** The figures of a status that the charts follow over time. */
import { type Figures, sumOf } from "../../admin/figures.ts";
import type { Status } from "./status.ts";

/** A value that only grows. */
export type Counter = "organic" | "service" | "api" | "minted" | "serverErrors" | "storeErrors" | "faults";
/** A value that rises and falls. */
export type Level = "queued" | "inFlight";

/** The metrics that {@link figuresOf} reads. */
export const FIGURE_METRICS: readonly string[] = [
  "millrace_ec_requests_total",
  "millrace_ec_minted_total",
  "millrace_ec_server_errors_total",
  "millrace_store_errors_total",
  "millrace_faults_total",
];

/** Reads the figures from an answer. */
export function figuresOf(
  status: Status,
): Figures & { counters: Record<Counter, number>; levels: Record<Level, number> } {
  const requests = (route: string) => sumOf(status, "millrace_ec_requests_total", { route });
  return {
    counters: {
      organic: requests("organic"),
      service: requests("service"),
      api: requests("api"),
      minted: sumOf(status, "millrace_ec_minted_total"),
      serverErrors: sumOf(status, "millrace_ec_server_errors_total"),
      storeErrors: sumOf(status, "millrace_store_errors_total"),
      faults: sumOf(status, "millrace_faults_total"),
    },
    levels: { queued: status.sync.queued, inFlight: inFlightOf(status) },
  };
}

/** Requests to partners that have no answer yet. */
export function inFlightOf({ sync }: Status): number {
  return sync.domains.reduce((sum, domain) => sum + domain.in_flight, 0);
}
