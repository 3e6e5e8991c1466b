import { Hono } from "hono";
import type { StatusCode } from "hono/utils/http-status";
import {
  type AuctionIdentity,
  bidRequestFault,
  withConsent,
  withIdentity,
  withoutIdentity,
  withoutSecondPlace,
  withoutSources,
} from "../../../runtime/ec/answers/auction.ts";
import { sharedIds } from "../../../runtime/ec/answers/eids.ts";
import { identityHeaders } from "../../../runtime/ec/answers/identify.ts";
import { allowsEcCreation } from "../../../runtime/ec/request/consent.ts";
import { consentParameters } from "../../../runtime/ec/request/consent-parameters.ts";
import type { EcContext } from "../../../runtime/ec/request/context.ts";
import { STORE_TIMEOUTS_MS } from "../../../runtime/ec/timeouts.ts";
import { boundedFetch } from "../../../runtime/lib/bounded-fetch.ts";
import type { JsonObject } from "../../../runtime/lib/json.ts";
import { TimeoutError, valueWithin } from "../../../runtime/lib/within.ts";
import { bodyRefusal, readJson } from "../../http/body.ts";
import { problem } from "../../http/problem.ts";
import type { RouteBindings, Services } from "../services.ts";

/** Maximum length of a bid request, in bytes. */
const MAX_REQUEST_BYTES = 1_048_576;
/** Timeout and maximum length of the endpoint's answer. The timeout covers the whole answer. */
const BOUNDS = { timeoutMs: 10_000, maxBytes: 16 * 1_048_576 };
/** Headers of the visitor's request that are sent to the endpoint. Never the cookies. */
const FORWARDED = ["user-agent", "accept-language", "referer", "sec-gpc"];
/** Headers of the endpoint's answer that are sent to the page. Never cookies: they would be set for the publisher's domain. */
const RETURNED = ["content-type", "x-openrtb-version"];

/** `POST /auction`: forwards a bid request with the visitor's identity in it. */
export function auctionRoutes(services: Services): Hono<RouteBindings> {
  const { config, graph, registry, mayShare, fetch, clock, metrics, logOnce, inTurn } = services;
  const { endpoint } = config.auction;

  /** The identity to send to an auction; `null`: there is none, or the store does not answer. */
  async function identityOf(context: EcContext): Promise<AuctionIdentity | null> {
    const { activeId } = context;
    if (activeId === null) return null;
    try {
      const entry = await valueWithin(graph.get(activeId), STORE_TIMEOUTS_MS.auction, clock);
      return { ec: activeId, ids: sharedIds(entry, registry, (partner) => mayShare(partner, context)) };
    } catch (error) {
      logOnce.error("auction", "an auction runs without identity because reading it failed", { error });
      return null;
    }
  }

  /** @throws {RangeError} if the request is nested deeper than the host can write. */
  function send(url: string, request: JsonObject, headers: Headers): Promise<Response> {
    const outgoing = new Headers({ "content-type": "application/json", accept: "application/json" });
    outgoing.set("x-openrtb-version", "2.6");
    for (const name of FORWARDED) {
      const value = headers.get(name);
      if (value !== null) outgoing.set(name, value);
    }
    const init = { method: "POST", headers: outgoing, body: JSON.stringify(request) };
    return boundedFetch(url, init, BOUNDS, { fetch, clock });
  }

  return new Hono<RouteBindings>().post("/auction", async (c) => {
    const { context } = c.env;
    c.header("cache-control", "private, no-store");
    if (endpoint === null) {
      return c.json(problem("no_auction", "no auction endpoint is configured: set auction.endpoint"), 404);
    }
    // Prebid.js compresses without a header, which would cost a preflight, and says so in the query.
    const sniffGzip = c.req.query("gzip") === "1";
    const body = await readJson(c.req.raw, MAX_REQUEST_BYTES, { sniffGzip, inTurn });
    if ("fault" in body) {
      const refusal = bodyRefusal(body.fault, MAX_REQUEST_BYTES);
      return c.json(refusal.body, refusal.status, refusal.headers);
    }
    const fault = bidRequestFault(body.value);
    if (fault !== null) return c.json(problem("invalid_bid_request", fault), 400);
    const allowed = allowsEcCreation(context.consent);
    const isRefused = (source: string) => {
      const partners = registry.bySource(source);
      return partners.length > 0 && !partners.some((partner) => mayShare(partner, context));
    };
    const stated = withConsent(body.value as JsonObject, consentParameters(context.consent));
    const request = allowed ? withoutSources(stated, isRefused) : stated;
    const known = allowed ? await identityOf(context) : null;
    /** @throws {RangeError} as `send`. */
    const outgoing = () => {
      if (known !== null) return withIdentity(request, known);
      return allowed ? withoutSecondPlace(request) : withoutIdentity(request);
    };
    const outcome = (name: string) => metrics.count("millrace_ec_auctions_total", { outcome: name });
    let answer: Response;
    try {
      answer = await send(endpoint, outgoing(), c.req.raw.headers);
    } catch (error) {
      if (error instanceof RangeError) {
        return c.json(problem("invalid_bid_request", "the bid request is nested too deeply"), 400);
      }
      logOnce.error("auction endpoint", "the auction endpoint cannot be reached", { error });
      if (error instanceof TimeoutError) {
        outcome("timeout");
        return c.json(problem("auction_timeout", "the auction endpoint took too long; try again"), 504);
      }
      outcome("unreachable");
      return c.json(problem("auction_unreachable", "the auction endpoint cannot be reached; try again"), 502);
    }
    const isUsable =
      (answer.status >= 200 && answer.status < 300) || (answer.status >= 400 && answer.status < 500);
    if (!isUsable) {
      answer.body?.cancel().catch(() => {});
      outcome("failed");
      logOnce.error("auction endpoint", "the auction endpoint failed", { status: answer.status });
      return c.json(problem("auction_failed", `the auction endpoint answered ${answer.status}`), 502);
    }
    outcome(known === null ? "anonymous" : "identified");
    for (const name of RETURNED) {
      const value = answer.headers.get(name);
      if (value !== null) c.header(name, value);
    }
    if (known !== null) {
      for (const [name, value] of Object.entries(identityHeaders(known.ec, known.ids))) c.header(name, value);
    }
    return c.newResponse(answer.body, answer.status as StatusCode);
  });
}
