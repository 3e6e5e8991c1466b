/**
 * What the text of a `NOTICE` or `CLOSED` means (L16, L31).
 * @module
 */
import { doubling } from "../../lib/backoff.ts";
import { ASK_AGAIN_MS } from "./figures.ts";

const LIMITED = /^rate-limited:|rate[ -]?limit|too many|slow down|throttl/i;

/** Whether a relay asks for fewer requests (L16). */
export function isRateLimit(text: string): boolean {
  return LIMITED.test(text);
}

/** Whether a subscription needs a proof of our key (NIP-42). */
export function wantsAuth(text: string): boolean {
  return text.startsWith("auth-required:");
}

/** When a subscription that the relay closed is asked again, in milliseconds. @param times how often it was closed in a row */
export function askAgainMs(times: number): number {
  return doubling(times, ASK_AGAIN_MS.first, ASK_AGAIN_MS.most);
}
