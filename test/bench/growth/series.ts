import type { Contender, Pace } from "../harness.ts";

/** One thing that grows. */
export interface Growth {
  /** Name of the chart and the row. */
  name: string;
  title: string;
  /** What grows, with its unit. */
  x: string;
  /** Why a curve is not flat. */
  explanation: string;
  /** Sizes, ascending. */
  sizes: number[];
  /** What is measured, where that is not a request's time in this process. */
  measured?: { subtitle: string; unit: string; scale?: "log" };
  /** Default: rounds of short turns, by time. */
  pace?: Partial<Pace>;
  /** What is measured at each size, by the line's name. */
  open(size: number): Promise<Record<string, Contender>>;
  close?(): Promise<void>;
}

/** The figures: microseconds at each size, by line. */
export interface Grown {
  name: string;
  title: string;
  x: string;
  explanation: string;
  measured?: Growth["measured"];
  sizes: number[];
  lines: Record<string, number[]>;
  /** The middle half of the rounds, in microseconds: smaller differences are noise. */
  middles: Record<string, [low: number, high: number][]>;
}

/** Maximum ratio of the largest to the smallest size for a flat line. */
export const FLAT_FACTOR = 1.25;

/** Ratio of a line's cost at its largest size to that at its smallest. */
export function growthOf(micros: readonly number[]): number {
  return micros.at(-1)! / micros[0]!;
}

/** Describes a curve in a sentence. */
export function verdict({ lines, explanation }: Pick<Grown, "lines" | "explanation">): string {
  const parts = Object.entries(lines).map(([name, micros]) => {
    const factor = growthOf(micros);
    return `${name} ${factor <= FLAT_FACTOR ? "is flat" : "grows"} (${factor.toFixed(2)}x)`;
  });
  const grows = Object.values(lines).some((micros) => growthOf(micros) > FLAT_FACTOR);
  return `${parts.join("; ")}.${grows ? ` ${explanation}` : ""}`;
}
