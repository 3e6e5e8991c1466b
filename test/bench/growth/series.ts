import type { Contender } from "../harness.ts";

/** One thing that grows. */
export interface Growth {
  /** Names the picture and the row. */
  name: string;
  title: string;
  /** What grows, with its unit. */
  x: string;
  /** Why a curve that is not flat is as it is. */
  explanation: string;
  /** Sizes, ascending. */
  sizes: number[];
  /** What is measured at every size, by the line's name. */
  open(size: number): Promise<Record<string, Contender>>;
  close?(): Promise<void>;
}

/** What was measured: microseconds at each size, by line. */
export interface Grown {
  name: string;
  title: string;
  x: string;
  explanation: string;
  sizes: number[];
  lines: Record<string, number[]>;
  /** Where the middle half of the rounds lies, in microseconds: what is closer together than this is noise. */
  middles: Record<string, [low: number, high: number][]>;
}

/** A line whose largest size costs at most this much more than its smallest is flat: half as much is noise. */
export const FLAT_FACTOR = 1.25;

/** How much more a line costs at its largest size than at its smallest. */
export function growthOf(micros: readonly number[]): number {
  return micros.at(-1)! / micros[0]!;
}

/** What a curve says, in a sentence. */
export function verdict({ lines, explanation }: Pick<Grown, "lines" | "explanation">): string {
  const parts = Object.entries(lines).map(([name, micros]) => {
    const factor = growthOf(micros);
    return `${name} ${factor <= FLAT_FACTOR ? "is flat" : "grows"} (${factor.toFixed(2)}x)`;
  });
  const grows = Object.values(lines).some((micros) => growthOf(micros) > FLAT_FACTOR);
  return `${parts.join("; ")}.${grows ? ` ${explanation}` : ""}`;
}
