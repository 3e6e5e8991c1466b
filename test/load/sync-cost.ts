/**
 * What one round of the throttle costs by itself: pick the next identifier, reserve, count the start in the window, release,
 * go to the back. Measured at growing numbers of identifiers and domains, in turn, several rounds each and by the thread's own
 * processor time, so that a busy machine does not look like growth.
 * @module
 */
import process from "node:process";
import { createMetrics } from "../../runtime/observe/metrics.ts";
import type { Slot, Waiter } from "../../runtime/sync/domain.ts";
import { Telemetry } from "../../runtime/sync/telemetry.ts";
import { Throttle } from "../../runtime/sync/throttle.ts";
import { hotPathLimiter } from "../unit/runtime/sync/hot-path-limiter.ts";
import { quiet } from "./sync-quiet.ts";

/** One measured size. */
export interface Cost {
  identifiers: number;
  domains: number;
  /** Median of the rounds. */
  nanoseconds: number;
}

/** Sets up a throttle in which every identifier waits, and returns what goes round `rounds` times. */
function waitingRoom(identifiers: number, domains: number): (rounds: number) => void {
  let now = 1_800_000_000_000;
  const current: { waiter: Waiter; slot: Slot }[] = [];
  const throttle = new Throttle({
    clock: { now: () => now, after: () => () => {} },
    // Wide enough that it never refuses: a refusal is no pick.
    limiter: hotPathLimiter(() => now, 100_000),
    limits: { maxConcurrent: 1, maxPerMinute: 1_000_000 },
    log: quiet,
    telemetry: new Telemetry(createMetrics(), ""),
    onTurn: (waiter, slot) => {
      current[Number(waiter.domain.name)] = { waiter, slot };
    },
  });
  for (let i = 0; i < identifiers; i++) throttle.join(`identifier-${i}`, String(i % domains), new Set());
  let domain = 0;
  return (rounds) => {
    for (let i = 0; i < rounds; i++) {
      const { waiter, slot } = current[domain]!;
      domain = (domain + 1) % domains;
      now++;
      if (throttle.admit(slot) !== true) throw new Error("the window was meant to be wide enough");
      throttle.started(slot);
      throttle.release(slot, "empty");
      throttle.rejoin(waiter);
    }
  };
}

/** Microseconds of the thread's own time so far; of the clock's where the host does not tell that. */
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
  const rooms = sizes.map(([identifiers, domains]) => waitingRoom(identifiers, domains));
  const taken = sizes.map(() => [] as number[]);
  for (const run of rooms) run(perRound);
  for (let round = 0; round < rounds; round++) {
    rooms.forEach((run, index) => {
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
