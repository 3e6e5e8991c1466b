import type { RateLimit, TakeResult } from "../../runtime/platform.ts";

/**
 * The fields that tell a client its limit before it is reached (draft-ietf-httpapi-ratelimit-headers-10): the quota `q` in a window
 * of `w` seconds, the takes `r` that remain, and once none does, the seconds `t` until the next.
 * @param name of the limit: lower-case letters.
 */
export function rateLimitFields(
  name: string,
  { limit, windowMs }: Pick<RateLimit, "limit" | "windowMs">,
  { remaining, retryAfterMs }: TakeResult,
): { "ratelimit-policy": string; ratelimit: string } {
  const reset = retryAfterMs > 0 ? `;t=${Math.max(1, Math.ceil(retryAfterMs / 1000))}` : "";
  return {
    "ratelimit-policy": `"${name}";q=${limit};w=${Math.ceil(windowMs / 1000)}`,
    ratelimit: `"${name}";r=${Math.max(0, remaining)}${reset}`,
  };
}
