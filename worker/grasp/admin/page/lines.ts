/** Lines of the charts, from the figures of the samples. */
import type { Line } from "../../../admin/page/chart.ts";
import { levelsOf, ratesOf, type Sample } from "../../../admin/page/history.ts";
import type { Counter, Level } from "../figures.ts";

export const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;

/** The rate of a counter. @param perMs the unit of time */
export function rateLine(
  samples: readonly Sample[],
  name: string,
  look: string,
  counter: Counter,
  perMs: number,
): Line {
  return { name, look, points: ratesOf(samples, counter, perMs) };
}

export function levelLine(samples: readonly Sample[], name: string, look: string, level: Level): Line {
  return { name, look, points: levelsOf(samples, level) };
}
