/**
 * The routes of the operator's paths.
 * @module
 */
import { Hono } from "hono";
import { PAGE_HEADERS } from "../../admin/page-headers.ts";
import type { Past } from "../../admin/past.ts";
import { type OperatorRules, requireOperator } from "../../http/operator.ts";
import type { GraspStatus } from "./status.ts";

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
export function operatorApp({ basePath, rules, metrics, status, past }: OperatorParts) {
  return new Hono<{ Bindings: OperatorBindings }>()
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
}
