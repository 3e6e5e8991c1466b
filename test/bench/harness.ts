/**
 * Measures several ways to do the same work so that noise affects all of them alike: short turns, one after another,
 * many rounds, medians.
 * @module
 */

/** One way to do the work. It must use its results, or the compiler removes the work. */
export interface Contender {
  name: string;
  /** Prepares the input of the next `times` operations; not timed. */
  prepare?(times: number): void | Promise<void>;
  run(times: number): void | Promise<void>;
}

/** Nanoseconds of an operation: the median of the rounds and their middle half. */
export interface Measured {
  name: string;
  nsPerOp: number;
  low: number;
  high: number;
  /** Memory for each key, for benches that measure it. */
  bytesPerKey?: number;
}

/** The median of some rounds and their middle half. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** Summarizes rounds. */
export function spreadOf(rounds: readonly number[]): Spread {
  const sorted = [...rounds].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

export interface Pace {
  rounds: number;
  /** Duration of a contender's turn: longer where the content of the caches matters. */
  turnMs: number;
  /** Milliseconds that only grow. Default: time. */
  clock?: () => number;
  /** Operations of a turn at most. Default: as many as fill it. */
  maxTimes?: number;
  /** Time of each contender's first operations, which are not counted. Default: 300. */
  warmUpMs?: number;
}

/** Processor time of this process, in milliseconds: a clock for work that waits for the disk, and for a busy machine. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Set by `npm run compare -- --size tiny`: a bench only shows that it runs, with one short round. */
export const isTiny = process.env.BENCH_TINY === "1";

/** Maximum number of operations between two reads of the clock: their preparations should stay in the caches. */
const BATCH = 2048;
/** Time of the first operations of each contender. */
const WARM_UP_MS = isTiny ? 1 : 300;

/** Runs operations. @returns their time in milliseconds, without the preparations. */
async function timed(contender: Contender, times: number, clock: () => number): Promise<number> {
  let spent = 0;
  for (let left = times; left > 0; left -= BATCH) {
    const batch = Math.min(left, BATCH);
    const prepared = contender.prepare?.(batch);
    if (prepared !== undefined) await prepared;
    const start = clock();
    await contender.run(batch);
    spent += clock() - start;
  }
  return spent;
}

type Timing = Omit<Pace, "clock"> & { clock: () => number };

/** Warms a contender up and finds how many operations fill a turn. */
async function turnOf(
  contender: Contender,
  { turnMs, maxTimes = Infinity, warmUpMs = WARM_UP_MS, clock }: Timing,
): Promise<number> {
  let times = Math.min(16, maxTimes);
  for (let spent = 0; spent < warmUpMs; ) {
    const took = await timed(contender, times, clock);
    spent += took;
    times = Math.min(maxTimes, Math.ceil(times * Math.min(8, turnMs / Math.max(took, 0.01))));
  }
  return times;
}

/** Runs all contenders in turn, for some rounds. */
export async function measure(
  contenders: Contender[],
  pace: Pace = { rounds: 101, turnMs: 5 },
): Promise<Measured[]> {
  const timing: Timing = { clock: () => performance.now(), ...pace };
  const turns: number[] = [];
  for (const contender of contenders) turns.push(await turnOf(contender, timing));
  const times = contenders.map(() => [] as number[]);
  for (let round = 0; round < (isTiny ? 1 : pace.rounds); round++) {
    for (const [i, contender] of contenders.entries()) {
      times[i]!.push(((await timed(contender, turns[i]!, timing.clock)) * 1e6) / turns[i]!);
    }
  }
  return contenders.map(({ name }, i) => {
    const { median, low, high } = spreadOf(times[i]!);
    const rounded = (ns: number) => Math.round(ns * 10) / 10;
    return { name, nsPerOp: rounded(median), low: rounded(low), high: rounded(high) };
  });
}

/** Prints the results for `run.ts`. */
export function report(results: Measured[]): void {
  console.log(JSON.stringify(results));
}

/** Memory of the process after a garbage collection, in bytes; the host must expose the collector. */
export function residentBytes(): number {
  const host = globalThis as { gc?: () => void; Bun?: { gc(now: boolean): void } };
  const collect = host.gc ?? (host.Bun && (() => host.Bun!.gc(true)));
  if (!collect) throw new Error("run this bench with the garbage collector exposed (npm run bench does)");
  for (let i = 0; i < 3; i++) collect();
  return process.memoryUsage().rss;
}
