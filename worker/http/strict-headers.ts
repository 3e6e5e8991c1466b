import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";

/** Options of {@link strictHeaders}. */
export interface StrictHeadersOptions {
  referrerPolicy?: "no-referrer" | "same-origin";
}

/**
 * Security headers: only resources of the site itself, nothing inline, no framing.
 * @param options `referrerPolicy`: what requests tell of their page. Default: nothing.
 */
export function strictHeaders({
  referrerPolicy = "no-referrer",
}: StrictHeadersOptions = {}): MiddlewareHandler {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
    strictTransportSecurity: false,
    referrerPolicy,
  });
}
