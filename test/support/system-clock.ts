import type { Clock } from "../../runtime/platform.ts";
import { createSystemClock } from "../../worker/hosts/system-clock.ts";

/** The system's clock, with the clock that is never set. */
export const systemClock: Clock = { ...createSystemClock(), monotonic: () => performance.now() };
