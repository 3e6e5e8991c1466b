import { type Context, Hono } from "hono";
import { sharedIds } from "../../../runtime/ec/answers/eids.ts";
import { identifyAnswer } from "../../../runtime/ec/answers/identify.ts";
import type { GraphEntry } from "../../../runtime/ec/graph/entry.ts";
import { allowsEcCreation } from "../../../runtime/ec/request/consent.ts";
import type { EcContext } from "../../../runtime/ec/request/context.ts";
import { isPending, valueWithin } from "../../../runtime/lib/within.ts";
import type { RouteBindings } from "../app.ts";
import { publisherCors } from "../cors.ts";
import type { Services } from "../service.ts";

/** How long a page waits for the store before it is answered without, in milliseconds. */
const STORE_PATIENCE_MS = 1000;

/** An answer of the route, before it is a response. */
interface Answer {
  status: 200 | 204 | 403;
  body: string | null;
  headers: Record<string, string>;
}

/** What every answer says to caches. */
const UNCACHED = { vary: "Origin", "cache-control": "private, no-store" };
const JSON_TYPE = { ...UNCACHED, "content-type": "application/json" };
const NOBODY: Answer = { status: 204, body: null, headers: UNCACHED };
const DENIED: Answer = { status: 403, body: '{"consent":"denied"}', headers: JSON_TYPE };

/** What `/identify` answers to whom. */
function identify({ graph, registry, clock, metrics, logOnce }: Services) {
  function unread(error: unknown): undefined {
    logOnce.error("identify", "reading an identity failed", { error });
  }

  /** What the graph has of an id; `undefined`: the store did not answer. */
  function read(id: string) {
    try {
      const entry = graph.get(id);
      return isPending(entry) ? valueWithin(entry, STORE_PATIENCE_MS, clock).catch(unread) : entry;
    } catch (error) {
      return unread(error);
    }
  }

  function told(id: string, entry: GraphEntry | null | undefined, isComplete: boolean): Answer {
    const degraded = entry === undefined || !isComplete;
    metrics.count("ec_identify_total", { outcome: degraded ? "degraded" : "ok" });
    const { body, headers } = identifyAnswer(id, sharedIds(entry ?? null, registry.get), degraded);
    return { status: 200, body, headers: Object.assign(headers, JSON_TYPE) };
  }

  return {
    /** Consent's refusal, which goes before everything else; `null`: there is none. */
    denied({ consent }: EcContext): Answer | null {
      if (allowsEcCreation(consent)) return null;
      metrics.count("ec_identify_total", { outcome: "denied" });
      return DENIED;
    },

    /** What is known of a visitor whose consent allows it to be told; at once where the store answers at once. */
    known({ activeId: id }: EcContext): Answer | Promise<Answer> {
      if (id === null) {
        metrics.count("ec_identify_total", { outcome: "none" });
        return NOBODY;
      }
      const entry = read(id);
      const isComplete = registry.isKnown();
      if (isComplete && !isPending(entry)) return told(id, entry, isComplete);
      return Promise.all([entry, isComplete || registry.ready()]).then((both) => told(id, ...both));
    },
  };
}

/** `GET /identify`: the visitor's identity, for pages of the publisher. */
export function identifyRoutes(services: Services): Hono<RouteBindings> {
  const { denied, known } = identify(services);
  const sent = (c: Context<RouteBindings>, { body, status, headers }: Answer) =>
    c.newResponse(body, status, headers);
  const cors = publisherCors({
    domain: services.config.publisher.domain,
    method: "GET",
    requestHeaders: "content-type",
    first(c) {
      const refusal = denied(c.env.context);
      return refusal === null ? null : sent(c, refusal);
    },
  });
  return new Hono<RouteBindings>().on(["GET", "OPTIONS"], "/identify", cors).get("/identify", async (c) => {
    c.header("cache-control", UNCACHED["cache-control"]); // of an error, too
    return sent(c, await known(c.env.context));
  });
}

/**
 * The same for a `GET` without `Origin`, as pages send it to their own host: the router, and headers that are checked and
 * copied on the way, would take longer than the answer.
 */
export function identifyOwnPage(services: Services): (context: EcContext) => Response | Promise<Response> {
  const { denied, known } = identify(services);
  const sent = ({ body, status, headers }: Answer) => new Response(body, { status, headers });
  return (context) => {
    const answer = denied(context) ?? known(context);
    return isPending(answer) ? answer.then(sent) : sent(answer);
  };
}
