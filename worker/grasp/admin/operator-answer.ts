/**
 * The operator's paths: `/metrics`, and with the operator's token the state behind the page `/admin/`. They are at one address,
 * which is not the public one unless the client is on this machine.
 * @module
 */
import { Hono } from "hono";
import { PAGE_HEADERS } from "../../admin/page-headers.ts";
import type { Past } from "../../admin/past.ts";
import { type OperatorRules, requireOperator } from "../../http/operator.ts";
import type { GraspStatus } from "./status.ts";

/**
 * Answers a request; `null`: its path is not the operator's.
 * @param address the client's, for which its wrong tokens are counted; `null`: not known
 */
export type OperatorAnswer = (request: Request, address: string | null) => Promise<Response | null>;

/** What the routes find in `c.env`. */
export interface OperatorBindings {
  readonly address: string | null;
}

export interface OperatorParts {
  /** Path below which it answers; it begins and ends with `/`. */
  readonly basePath: string;
  readonly rules: OperatorRules;
  metrics(): Promise<Response>;
  status(): Promise<GraspStatus>;
  past(): Past;
}

/** The page holds no data: its script asks for the operator's token and sends it with every request. */
export function operatorAnswer({ basePath, rules, metrics, status, past }: OperatorParts): OperatorAnswer {
  const app = new Hono<{ Bindings: OperatorBindings }>()
    .basePath(basePath.slice(0, -1))
    .get("/metrics", metrics)
    .get("/admin", (c) => c.redirect(`${basePath}admin/`, 308))
    .get("/admin/", async (c) => {
      // Loaded on demand: it is large, and few ask for it.
      const { html, contentSecurityPolicy } = await import("../../admin/built/grasp.ts");
      return c.html(html, 200, { ...PAGE_HEADERS, "content-security-policy": contentSecurityPolicy });
    })
    .get("/admin/status", requireOperator(rules), async (c) =>
      c.json(await status(), 200, { "cache-control": "no-store" }),
    )
    .get("/admin/past", requireOperator(rules), (c) => c.json(past(), 200, { "cache-control": "no-store" }));
  const paths = ["metrics", "admin", "admin/", "admin/status", "admin/past"].map((path) => basePath + path);
  return async (request, address) => {
    const isRead = request.method === "GET" || request.method === "HEAD";
    return isRead && paths.includes(new URL(request.url).pathname) ? app.fetch(request, { address }) : null;
  };
}
