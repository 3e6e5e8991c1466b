/**
 * Mossgate Audiences, an example partner: slow, and soon out of patience.
 * @module
 */
import type { Hono } from "hono";
import { answerPulls } from "./answer-pulls.ts";

/** How long it thinks, in milliseconds. */
export const THINKS_MS = 1800;
/** The first of so many questions is one too many. */
const REFUSES_ONE_OF = 3;
/** How long it then wants to be left alone. */
export const PAUSE_SECONDS = 8;

/** @param wait resolves after so many milliseconds, or when the server is to end. */
export function createMossgate(token: string, wait: (ms: number) => Promise<void>): Hono {
  let questions = 0;
  return answerPulls("mossgate", token, async (c) => {
    if (questions++ % REFUSES_ONE_OF === 0) {
      return c.json({ error: "slow down" }, 429, { "retry-after": String(PAUSE_SECONDS) });
    }
    await wait(THINKS_MS);
    return undefined;
  });
}
