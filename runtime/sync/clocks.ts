/**
 * The clocks that the sync engine makes from the host's clock.
 * @module
 */
import type { Clock } from "../platform.ts";

/**
 * A clock that never goes back. If the host has a monotonic clock, this one starts at the host's time and then advances
 * with the monotonic clock: corrections of the host's time do not change it. Otherwise, if the wall clock is set back, it
 * keeps advancing from its last value, and a step forward counts as elapsed time.
 */
export function monotonicClock(clock: Clock): Clock {
  const after: Clock["after"] = (delayMs, callback) => clock.after(delayMs, callback);
  const { monotonic } = clock;
  if (monotonic !== undefined) {
    const startMs = clock.now() - monotonic();
    return { now: () => Math.floor(startMs + monotonic()), after };
  }
  let last = clock.now();
  let offset = 0;
  return {
    now() {
      const wall = clock.now();
      if (wall < last) offset += last - wall;
      last = wall;
      return wall + offset;
    },
    after,
  };
}

/** A clock that can fire all pending timers immediately. */
export interface FlushableClock extends Clock {
  /** Calls the callbacks of all pending timers now. */
  flush(): void;
}

/** Makes a {@link FlushableClock} from another clock. */
export function flushableClock(clock: Clock): FlushableClock {
  const pending = new Set<() => void>();
  return {
    now: () => clock.now(),
    after(delayMs, callback) {
      const end = () => {
        pending.delete(fire);
        cancel();
      };
      const fire = () => {
        end();
        callback();
      };
      const cancel = clock.after(delayMs, fire);
      pending.add(fire);
      return end;
    },
    flush() {
      for (const fire of [...pending]) fire();
    },
  };
}
