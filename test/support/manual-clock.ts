import type { Clock } from "../../runtime/platform.ts";

/** A clock that a test advances. */
export interface ManualClock extends Clock {
  /** Advances the time and calls each timer that falls due, in order and at its time. */
  advance(ms: number): void;
  /** Advances the time, and lets promises settle after each timer. */
  settle(ms: number): Promise<void>;
  /** Number of pending callbacks. */
  waiting(): number;
}

/** Starts at `startMs` milliseconds since the epoch. */
export function manualClock(startMs = 1_800_000_000_000): ManualClock {
  let now = startMs;
  let order = 0;
  const timers = new Map<number, { at: number; callback: () => void }>();

  /** Calls the next timer due by `until`. @returns false if there is none. */
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
