import type { Clock } from "../platform.ts";

/**
 * A clock that never goes back. Where the host has a monotonic clock this one begins at the host's time and then runs by
 * that: no correction of the host's time moves it. Elsewhere, where the given one is set back this one goes on from where it
 * was, and a step forward passes as time does.
 */
export function steadyClock(clock: Clock): Clock {
  const after: Clock["after"] = (delayMs, callback) => clock.after(delayMs, callback);
  const { monotonic } = clock;
  if (monotonic !== undefined) {
    const beganMs = clock.now() - monotonic();
    return { now: () => Math.floor(beganMs + monotonic()), after };
  }
  let seen = clock.now();
  let offset = 0;
  return {
    now() {
      const wall = clock.now();
      if (wall < seen) offset += seen - wall;
      seen = wall;
      return wall + offset;
    },
    after,
  };
}
