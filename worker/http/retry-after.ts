import type { TakeResult } from "../../runtime/platform.ts";

/** The `Retry-After` header for a refused take: whole seconds, rounded up (RFC 9110). */
export function retryAfter({ retryAfterMs }: Pick<TakeResult, "retryAfterMs">): { "retry-after": string } {
  return { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) };
}
