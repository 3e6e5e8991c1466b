/**
 * Mossgate Audiences, an example partner: slow, and often asks for a pause.
 * @module
 */
import type { Hono } from "hono";
import { answerPulls } from "./answer-pulls.ts";

/** Its response time, in milliseconds. */
export const THINKS_MS = 1800;
/** It refuses the first of each group of this many requests. */
const REFUSES_ONE_OF = 3;
/** The pause that it then asks for. */
export const PAUSE_SECONDS = 8;

/** Creates its server. @param wait resolves after a number of milliseconds, or when the server stops */
export function createMossgate(token: string, wait: (ms: number) => Promise<void>): Hono {
  let requests = 0;
  return answerPulls("mossgate", token, async (c) => {
    if (requests++ % REFUSES_ONE_OF === 0) {
      return c.json({ error: "slow down" }, 429, { "retry-after": String(PAUSE_SECONDS) });
    }
    await wait(THINKS_MS);
    return undefined;
  });
}
