import type { Clock } from "../platform.ts";

/** A clock whose running timers can all be let go off at once. */
export interface HurriedClock extends Clock {
  /** Calls back now whatever still waits for its time. */
  hurry(): void;
}

/** Makes a clock that can be hurried out of one that cannot. */
export function hurriedClock(clock: Clock): HurriedClock {
  const waiting = new Set<() => void>();
  return {
    now: () => clock.now(),
    after(delayMs, callback) {
      const end = () => {
        waiting.delete(goOff);
        cancel();
      };
      const goOff = () => {
        end();
        callback();
      };
      const cancel = clock.after(delayMs, goOff);
      waiting.add(goOff);
      return end;
    },
    hurry() {
      for (const goOff of [...waiting]) goOff();
    },
  };
}
