import type { Clock } from "../platform.ts";

/**
 * A clock that never goes back: where the given one is set back, this one goes on from where it was. Durations that are
 * measured on it survive a correction of the host's time; a step forward passes as time does.
 */
export function steadyClock(clock: Clock): Clock {
  let seen = clock.now();
  let offset = 0;
  return {
    now() {
      const wall = clock.now();
      if (wall < seen) offset += seen - wall;
      seen = wall;
      return wall + offset;
    },
    after: (delayMs, callback) => clock.after(delayMs, callback),
  };
}
