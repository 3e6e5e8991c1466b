import type { Clock } from "../../runtime/platform.ts";

/** The longest delay of a timer, in milliseconds (about 24 days); a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

type Timer = ReturnType<typeof setTimeout>;

/**
 * The system's clock and timers. A delay of more than 24 days is cut to 24 days. A host with a clock that is never set adds
 * `monotonic` itself.
 * @param prepare called with each timer, such as to keep it from holding the process alive. Default: does nothing.
 */
export function createSystemClock(prepare: (timer: Timer) => void = () => {}): Clock {
  return {
    now: Date.now,
    after(delayMs, callback) {
      const timer = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS));
      prepare(timer);
      return () => clearTimeout(timer);
    },
  };
}
