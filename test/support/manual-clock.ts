import type { Clock } from "../../runtime/platform.ts";

/** A clock that moves only when told to. */
export interface ManualClock extends Clock {
  /** Moves on, calling what falls due on the way at its own time, in order. */
  advance(ms: number): void;
  /** Moves on and lets what was called settle in between. */
  settle(ms: number): Promise<void>;
  /** How many callbacks are still to come. */
  waiting(): number;
}

/** Starts at `startMs` milliseconds since the epoch. */
export function manualClock(startMs = 1_800_000_000_000): ManualClock {
  let now = startMs;
  let order = 0;
  const timers = new Map<number, { at: number; callback: () => void }>();

  /** Calls the next timer due by `until`; false if there is none. */
  function fireNext(until: number): boolean {
    let next: [number, { at: number; callback: () => void }] | undefined;
    for (const entry of timers) {
      if (entry[1].at <= until && (next === undefined || entry[1].at < next[1].at)) next = entry;
    }
    if (next === undefined) return false;
    timers.delete(next[0]);
    now = Math.max(now, next[1].at);
    next[1].callback();
    return true;
  }

  const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

  return {
    now: () => now,
    after(delayMs, callback) {
      const id = order++;
      timers.set(id, { at: now + Math.max(0, delayMs), callback });
      return () => timers.delete(id);
    },
    advance(ms) {
      const until = now + ms;
      while (fireNext(until));
      now = until;
    },
    async settle(ms) {
      const until = now + ms;
      await breathe();
      while (fireNext(until)) await breathe();
      now = until;
      await breathe();
    },
    waiting: () => timers.size,
  };
}
