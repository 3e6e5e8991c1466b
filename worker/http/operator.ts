import { createMiddleware } from "hono/factory";
import { isLoopbackHost } from "../../runtime/lib/addresses.ts";
import type { RouteBindings } from "../ec/app.ts";
import type { Services } from "../ec/service.ts";
import { bearerToken } from "./bearer.ts";
import { problem } from "./problem.ts";

/**
 * Lets only the operator through: `Authorization: Bearer` with the token whose SHA-256 is `ec.adminTokenHash`,
 * compared in constant time before anything else of the request is read.
 * @param open `loopback`: anybody may pass while our own server is bound to loopback.
 */
export function requireOperator({ config, hotPath, sha256Hex, boundTo }: Services, open?: "loopback") {
  const encoder = new TextEncoder();
  const expected = config.ec.adminTokenHash === null ? null : encoder.encode(config.ec.adminTokenHash);
  return createMiddleware<RouteBindings>(async (c, next) => {
    if (open === "loopback" && boundTo !== null && isLoopbackHost(boundTo)) return next();
    const token = bearerToken(c.req.header("authorization"));
    if (expected !== null && token !== null) {
      if (hotPath.equal(encoder.encode(sha256Hex(token)), expected)) return next();
    }
    const message =
      expected === null
        ? "no admin token is configured: set ec.adminTokenHash (millrace hash makes one)"
        : token === null
          ? "send the admin token as Authorization: Bearer <token>"
          : "this is not the token whose hash ec.adminTokenHash has";
    return c.json(problem("unauthorized", message), 401, { "www-authenticate": "Bearer" });
  });
}
