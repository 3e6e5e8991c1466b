/**
 * The cost of one round of the throttle alone: pick the next identifier, reserve, count the start in the window, release, go
 * to the back. Measured for growing numbers of identifiers and domains, in turn, several rounds each, by the thread's own
 * processor time, so that a busy machine does not look like growth.
 * @module
 */
import process from "node:process";
import { Domains } from "../../runtime/sync/domains.ts";
import type { Permit, Waiter } from "../../runtime/sync/permit.ts";
import { hotPathLimiter } from "../unit/runtime/sync/hot-path-limiter.ts";

/** One measured size. */
export interface Cost {
  identifiers: number;
  domains: number;
  /** Median of the rounds. */
  nanoseconds: number;
}

/** Queues every identifier, and returns a function that runs so many rounds. */
function queueAll(identifiers: number, count: number): (rounds: number) => void {
  let now = 1_800_000_000_000;
  const current: { waiter: Waiter; permit: Permit }[] = [];
  const domains = new Domains({
    clock: { now: () => now, after: () => () => {} },
    // Wide enough that it never refuses: a refusal is no pick.
    limiter: hotPathLimiter(() => now, 100_000),
    keyPrefix: "",
    maxConcurrentTotal: undefined,
    limits: { maxConcurrent: 1, maxPerMinute: 1_000_000 },
    limitsFor: undefined,
    goesLast: undefined,
    emit: undefined,
    onTurn: (waiter, permit) => {
      current[Number(waiter.domain.name)] = { waiter, permit };
    },
  });
  for (let i = 0; i < identifiers; i++) domains.join(`identifier-${i}`, String(i % count), new Set());
  let domain = 0;
  return (rounds) => {
    for (let i = 0; i < rounds; i++) {
      const { waiter, permit } = current[domain]!;
      domain = (domain + 1) % count;
      now++;
      if (permit.start() !== true) throw new Error("the window is too small for the measurement");
      permit.end("empty");
      waiter.domain.requeue(waiter);
    }
  };
}

/** Microseconds of the thread's own time; of the clock's where the host does not tell the former. */
function spentMicros(): number {
  if (typeof process.threadCpuUsage !== "function") return performance.now() * 1000;
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Measures every size, interleaved. */
export function measureCost(
  sizes: readonly (readonly [identifiers: number, domains: number])[],
  rounds = 15,
  perRound = 40_000,
): Cost[] {
  const runs = sizes.map(([identifiers, domains]) => queueAll(identifiers, domains));
  const taken = sizes.map(() => [] as number[]);
  for (const run of runs) run(perRound);
  for (let round = 0; round < rounds; round++) {
    runs.forEach((run, index) => {
      const begun = spentMicros();
      run(perRound);
      taken[index]!.push(((spentMicros() - begun) * 1000) / perRound);
    });
  }
  return sizes.map(([identifiers, domains], index) => {
    const sorted = taken[index]!.sort((a, b) => a - b);
    return { identifiers, domains, nanoseconds: sorted[sorted.length >> 1]! };
  });
}
