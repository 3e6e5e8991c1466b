import { type Context, Hono } from "hono";
import { sharedIds } from "../../../runtime/ec/answers/eids.ts";
import { identifyAnswer } from "../../../runtime/ec/answers/identify.ts";
import type { GraphEntry } from "../../../runtime/ec/graph/entry.ts";
import { allowsEcCreation } from "../../../runtime/ec/request/consent.ts";
import type { EcContext } from "../../../runtime/ec/request/context.ts";
import { STORE_TIMEOUTS_MS } from "../../../runtime/ec/timeouts.ts";
import { isPending, valueWithin } from "../../../runtime/lib/within.ts";
import type { Counter } from "../../../runtime/observe/metrics.ts";
import { publisherCors } from "../cors.ts";
import type { RouteBindings, Services } from "../services.ts";

/** How a question ends, a label of its counter. */
type Outcome = "ok" | "degraded" | "denied" | "none";

/** An answer, before it is a `Response`. */
interface Answer {
  status: 200 | 204 | 403;
  body: string | null;
  headers: Record<string, string>;
}

/** Headers of every answer, for caches. */
const UNCACHED = { vary: "Origin", "cache-control": "private, no-store" };
const JSON_TYPE = { ...UNCACHED, "content-type": "application/json" };
const NO_CONTENT: Answer = { status: 204, body: null, headers: UNCACHED };
const DENIED: Answer = { status: 403, body: '{"consent":"denied"}', headers: JSON_TYPE };

/** The answers of `/identify`. */
function identify({
  graph,
  registry,
  mayShare,
  clock,
  metrics,
  logOnce,
}: Pick<Services, "graph" | "registry" | "mayShare" | "clock" | "metrics" | "logOnce">) {
  const counters: Partial<Record<Outcome, Counter>> = {};

  function count(outcome: Outcome): void {
    counters[outcome] ??= metrics.counter("millrace_ec_identify_total", { outcome });
    counters[outcome].add();
  }

  function readFailed(error: unknown): undefined {
    logOnce.error("identify", "reading an identity failed", { error });
  }

  /** The graph's entry of an id; `undefined`: the store did not answer. */
  function read(id: string) {
    try {
      const entry = graph.get(id);
      return isPending(entry)
        ? valueWithin(entry, STORE_TIMEOUTS_MS.identify, clock).catch(readFailed)
        : entry;
    } catch (error) {
      return readFailed(error);
    }
  }

  function toAnswer(context: EcContext, entry: GraphEntry | null | undefined, isComplete: boolean): Answer {
    const degraded = entry === undefined || !isComplete;
    count(degraded ? "degraded" : "ok");
    const ids = sharedIds(entry ?? null, registry, (partner) => mayShare(partner, context));
    const { body, headers } = identifyAnswer(context.activeId!, ids, degraded);
    return { status: 200, body, headers: Object.assign(headers, JSON_TYPE) };
  }

  return {
    /** The answer if consent does not allow an id; else `null`. It takes precedence over every other answer. */
    denied({ consent }: EcContext): Answer | null {
      if (allowsEcCreation(consent)) return null;
      count("denied");
      return DENIED;
    },

    /** The answer if consent allows an id. Synchronous if the store is. */
    known(context: EcContext): Answer | Promise<Answer> {
      const { activeId: id } = context;
      if (id === null) {
        count("none");
        return NO_CONTENT;
      }
      const entry = read(id);
      const isComplete = registry.isKnown();
      if (isComplete && !isPending(entry)) return toAnswer(context, entry, isComplete);
      return Promise.all([entry, isComplete || registry.ready()]).then((both) => toAnswer(context, ...both));
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
    c.header("cache-control", UNCACHED["cache-control"]); // also of an error
    return sent(c, await known(c.env.context));
  });
}

/**
 * The same for a `GET` without `Origin`, as pages send it to their own host. The router, which checks and copies headers, would
 * take longer than the answer.
 */
export function identifyOwnPage(services: Services): (context: EcContext) => Response | Promise<Response> {
  const { denied, known } = identify(services);
  const sent = ({ body, status, headers }: Answer) => new Response(body, { status, headers });
  return (context) => {
    const answer = denied(context) ?? known(context);
    return isPending(answer) ? answer.then(sent) : sent(answer);
  };
}
