/**
 * The domains of several processes as one list.
 * @module
 */
import type { StatusDomain } from "./status.ts";

/** The same domains of several workers as one: what each has is added, and the longest rest counts. The busiest first. */
export function mergeDomains(all: readonly StatusDomain[]): StatusDomain[] {
  const merged = [...Map.groupBy(all, ({ domain }) => domain).values()].map((same) => {
    const known = same.flatMap(({ remaining }) => (remaining === null ? [] : [remaining]));
    const sumOf = (figure: "max_concurrent" | "in_flight" | "waiting") =>
      same.reduce((sum, domain) => sum + domain[figure], 0);
    const mostOf = (figure: "opens_in_ms" | "failures" | "rests") =>
      Math.max(...same.map((domain) => domain[figure]));
    return {
      ...same[0]!,
      max_concurrent: sumOf("max_concurrent"),
      in_flight: sumOf("in_flight"),
      waiting: sumOf("waiting"),
      remaining: known.length === 0 ? null : Math.min(...known),
      opens_in_ms: mostOf("opens_in_ms"),
      failures: mostOf("failures"),
      rests: mostOf("rests"),
    };
  });
  return merged.sort((a, b) => b.in_flight + b.waiting - (a.in_flight + a.waiting));
}
