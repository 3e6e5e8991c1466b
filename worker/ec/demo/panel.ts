/**
 * The routes of the demonstration under `/_demo/`: the panel's files and stream, reset, the crowd, and the partner's page.
 * @module
 */
import { Hono } from "hono";
import type { Graph } from "../../../runtime/ec/graph/graph.ts";
import { deleteCookieHeader, type EcCookie, readCookies } from "../../../runtime/ec/request/cookie.ts";
import { EID_COOKIES } from "../../../runtime/ec/request/eid-cookies.ts";
import { SIGNAL_COOKIES } from "../../../runtime/ec/request/signals.ts";
import { readFiles } from "../../http/static-files.ts";
import { strictHeaders } from "../../http/strict-headers.ts";
import type { Gates } from "./gates.ts";
import type { Company } from "./partners/companies.ts";
import { PLACE_COOKIE, placeOf } from "./places.ts";
import { playPage } from "./play/page.ts";
import { Streams } from "./streams.ts";
import type { Visitors } from "./visitors.ts";

/** The path prefix of these routes. */
export const PANEL_PATH = "/_demo/";

/** Maximum number of waiting ids at which a crowd is accepted. */
const MAX_WAITING = 30;

/** The dependencies of {@link createPanel}. */
export interface PanelDependencies {
  visitors: Visitors;
  gates: Gates;
  companies: readonly Company[];
  /** The API key of the visitor's partner. */
  apiKey: string;
  /** The id's cookie. */
  cookie: Pick<EcCookie, "name" | "domain">;
}

/** What each request brings. */
interface Bindings {
  graph: Graph;
  /** Sends a crowd of simulated readers. */
  sendCrowd(): void;
}

/** The routes of the demonstration. */
export interface Panel {
  answer(request: Request, bindings: Bindings): Response | Promise<Response>;
  /** Ends every stream. */
  close(): void;
}

export function createPanel({ visitors, gates, companies, apiKey, cookie }: PanelDependencies): Panel {
  const panelFiles = readFiles(new URL("./panel/", import.meta.url), [
    "panel.css",
    "panel.js",
    "partners.js",
    "gate.js",
    "elements.js",
  ]);
  const playFiles = readFiles(new URL("./play/", import.meta.url), ["play.css", "play.js"]);
  const streams = new Streams(visitors, gates, companies);

  const app = new Hono<{ Bindings: Bindings }>().basePath(PANEL_PATH);
  app.get("/events", (c) => {
    const visitor = visitors.of(c.req.raw.headers);
    // 204 tells a browser not to reconnect.
    return visitor === null
      ? c.body(null, 204)
      : streams.open(visitor, placeOf(c.req.raw.headers).key, c.env.graph);
  });
  app.post("/reset", async (c) => {
    const visitor = visitors.of(c.req.raw.headers);
    if (visitor !== null) {
      const ids = [visitor.id, visitor.withdrawnId].filter((id) => id !== null);
      await Promise.all(ids.map((id) => c.env.graph.delete(id)));
      visitors.forget(visitor);
    }
    const remove = (name: string, more = "") =>
      c.header("set-cookie", `${name}=; Path=/; SameSite=Lax; Max-Age=0${more}`, { append: true });
    for (const name of [...SIGNAL_COOKIES, ...EID_COOKIES, PLACE_COOKIE]) remove(name);
    // Prebid's modules set theirs for the domain.
    for (const name of EID_COOKIES) remove(name, `; Domain=${cookie.domain}`);
    c.header("set-cookie", deleteCookieHeader(cookie), { append: true });
    return c.body(null, 204);
  });
  app.post("/crowd", (c) => {
    // A request from another site does not carry the cookie.
    if (visitors.of(c.req.raw.headers) === null) return c.body(null, 403);
    if (gates.now().some(({ waiting }) => waiting > MAX_WAITING)) return c.body(null, 429);
    c.env.sendCrowd();
    return c.body(null, 204);
  });
  app.get("/partner", strictHeaders(), (c) => {
    const { headers, url } = c.req.raw;
    const page = playPage({
      apiKey,
      origin: new URL(url).origin,
      id: readCookies(headers.get("cookie"), [cookie.name]).get(cookie.name)?.[0] ?? null,
      withdrawnId: visitors.of(headers)?.withdrawnId ?? null,
    });
    return c.html(page, 200, { "cache-control": "no-store" });
  });
  app.get("/:name", (c) => {
    const name = c.req.param("name");
    return panelFiles(name) ?? playFiles(name) ?? c.notFound();
  });

  return {
    answer: (request, bindings) => app.fetch(request, bindings),
    close: () => streams.close(),
  };
}
