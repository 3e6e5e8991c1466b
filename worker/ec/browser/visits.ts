/**
 * Requests on a visitor's device, answered by the same service as everywhere. What a server finds in headers is given to
 * it before, what a server writes to headers is done after it.
 * @module
 */

import { decideFinalization } from "../../../runtime/ec/finalize.ts";
import { EC_REDACTION } from "../../../runtime/ec/redaction.ts";
import { settlesWithin } from "../../../runtime/lib/within.ts";
import { createLog, createLogOnce } from "../../../runtime/observe/log.ts";
import type { Client } from "../../../runtime/platform.ts";
import { problem } from "../../http/problem.ts";
import { createEdgeCookie, type EdgeCookieHandler } from "../edge-cookie.ts";
import { ecOf, type Services } from "../service.ts";
import { changeCookie, cookieChange, cookieHeader } from "./cookies.ts";
import { createClientReader, deviceSecret } from "./device.ts";
import { type BrowserArgs, host } from "./host.ts";
import { identifyCache } from "./identify-cache.ts";
import { type BrowserOptions, configOf } from "./options.ts";
import { type LongEvent, type RequestEvent, scope } from "./scope.ts";
import { createTurns } from "./turns.ts";

/** How long a page waits for the visitor's identity before it is shown without, in milliseconds. */
const IDENTITY_PATIENCE_MS = 250;
/** A fault that repeats is logged once in this time, in milliseconds. */
const LOG_ONCE_MS = 60_000;

/** The service once it is open. */
interface Opened {
  handler: EdgeCookieHandler<BrowserArgs>;
  services: Services;
}

/** What a service worker does with its events. None rejects for want of an identity. */
export interface Visits {
  /** The page as `site` answers it, with the identity if that is there in time. */
  page(event: RequestEvent, site: (request: Request) => Promise<Response>): Promise<Response>;
  /** One of the service's own routes. */
  own(event: RequestEvent): Promise<Response>;
  /** `GET /identify`: from the device while that is fresh, and made anew behind it. */
  identify(event: RequestEvent): Promise<Response>;
  /** A visit without a page: mints, withdraws and pulls as any other. */
  withoutPage(event: LongEvent): Promise<void>;
  /** Removes what other versions have left. */
  tidy(): Promise<void>;
}

export function createVisits(options: BrowserOptions): Visits {
  const { clock, random } = host;
  const log = createLog({ level: host.logLevel, write: host.writeLog, clock, redact: EC_REDACTION });
  const logOnce = createLogOnce(log, clock, LOG_ONCE_MS);
  const store = host.openStore(host.defaultStore, [nobody, noPage]);
  const answers = identifyCache(clock);
  const takeTurn = createTurns();
  const turns = new WeakMap<Request, () => void>();
  const clients = new WeakMap<Request, Client>();
  const whoAsks = createClientReader({
    url: options.clientUrl,
    store,
    clock,
    fetch: host.fetch,
    onFailure: (error) => logOnce.warn("client", "it is not known who asks", { error }),
  });
  let opening: Promise<Opened> | undefined;

  /** The service; tried again by the next request if it cannot be opened. */
  function opened(): Promise<Opened> {
    opening ??= open().catch((error) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function open(): Promise<Opened> {
    const config = configOf(options, await deviceSecret(store, random));
    const readClient = (request: Request) => clients.get(request)!;
    const handler = createEdgeCookie(
      host,
      () => import("./routes.ts"),
    )({ ...config, store, readClient, log })(accompany);
    return { handler, services: handler.service(nobody, noPage).services };
  }

  async function introduce(request: Request): Promise<void> {
    if (!clients.has(request)) clients.set(request, await whoAsks());
  }

  /** The open service, and a request of which it is known who makes it: neither waits for the other. */
  async function openedFor(request: Request): Promise<Opened> {
    const [service] = await Promise.all([opened(), introduce(request)]);
    return service;
  }

  /**
   * Gives a request the headers that its browser keeps back. What scripts fetch has no destination and counts as a visit of
   * a page: here the cookie is at hand whatever the request. From this look at the cookie until it is set, requests take
   * turns: two at once would mint two ids.
   * @returns ends the turn.
   */
  async function complete(request: Request): Promise<() => void> {
    const endTurn = await takeTurn();
    try {
      const headers = new Headers(request.headers);
      headers.set("cookie", await cookieHeader());
      if (scope.navigator.globalPrivacyControl) headers.set("sec-gpc", "1");
      if (request.destination !== "") headers.set("sec-fetch-dest", request.destination);
      Object.defineProperty(request, "headers", { value: headers, configurable: true });
      return endTurn;
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  /** Does what a response's `Set-Cookie` does elsewhere. */
  async function keepCookie(request: Request): Promise<void> {
    const change = cookieChange(decideFinalization(ecOf(request)!));
    if (change === null) return;
    if (change === "delete") await answers.clear();
    try {
      await changeCookie(change, options.publisher.domain, clock.now());
    } catch (error) {
      logOnce.error("cookie", "the cookie cannot be written; is publisher.domain right?", { error });
    }
  }

  /** The wrapped handler: the cookie is written before the page is there. */
  async function accompany(request: Request, ...[event, page]: BrowserArgs): Promise<Response> {
    await keepCookie(request);
    turns.get(request)?.();
    event.waitUntil(
      adopt(request).catch((error) => logOnce.error("adopting", "an id was not adopted", { error })),
    );
    return page();
  }

  /**
   * A browser that needed room may have kept the cookie and lost the graph, and with it the secret that shows whose id it
   * is. On the visitor's own device the cookie is proof enough.
   */
  async function adopt(request: Request): Promise<void> {
    const context = ecOf(request)!;
    const end = decideFinalization(context);
    if (end.branch !== "returning") return;
    const { graph, newEntryFor } = (await opened()).services;
    if ((await graph.getOrMark(end.id)) !== null) return;
    await graph.createOrRevive(end.id, newEntryFor(context));
  }

  async function organic(
    event: LongEvent,
    request: Request,
    page: () => Promise<Response>,
  ): Promise<Response> {
    const { handler } = await openedFor(request);
    const endTurn = await complete(request);
    turns.set(request, endTurn);
    try {
      return await handler(request, event, page);
    } finally {
      endTurn();
    }
  }

  /** What the service itself answers. It never mints, so that its turn is over at once. */
  async function ownAnswer(event: LongEvent, request: Request): Promise<Response> {
    const { handler } = await openedFor(request);
    (await complete(request))();
    const response = await handler(request, event, noPage);
    await keepCookie(request);
    return response;
  }

  /** What an answer to `/identify` is made of besides the graph. */
  function factsOf(request: Request, { sha256Hex }: Services): string {
    const { country, region } = clients.get(request)!;
    const { headers } = request;
    return sha256Hex(JSON.stringify([headers.get("cookie"), headers.get("sec-gpc"), country, region]));
  }

  async function identify(event: RequestEvent): Promise<Response> {
    const { request } = event;
    const { services } = await openedFor(request);
    (await complete(request))();
    const facts = factsOf(request, services);
    const anew = async () => {
      const response = await ownAnswer(event, request);
      if (response.status !== 200) return response;
      const kept = answers.put(facts, response.clone());
      event.waitUntil(kept.catch((error) => logOnce.warn("identify", "an answer was not kept", { error })));
      return response;
    };
    const fresh = await answers.match(facts);
    if (fresh === null) return anew();
    event.waitUntil(
      anew().catch((error) => logOnce.error("identify", "an answer was not renewed", { error })),
    );
    return fresh;
  }

  /** A browser may keep nothing for a site, in a private window say. */
  function unavailable(error: unknown): Response {
    logOnce.error("device", "the device cannot answer", { error });
    const message = "this browser keeps nothing for the site now; try again later";
    return Response.json(problem("store_unavailable", message), {
      status: 503,
      headers: { "cache-control": "private, no-store" },
    });
  }

  return {
    tidy: answers.removeOthers,

    async page(event, site) {
      const { request } = event;
      const page = Promise.resolve(site(request));
      const sound = page.catch(() => null);
      let isLate = false;
      let isDecided = () => {};
      const decided = new Promise<void>((resolve) => {
        isDecided = resolve;
      });
      const accompanied = organic(event, request, async () => {
        isDecided();
        const response = await sound;
        // A page that did not come, or that may not be looked into, cannot be given headers.
        return isLate || response === null || response.status === 0 ? new Response(null) : response;
      }).catch((error) => {
        isDecided();
        logOnce.error("page", "a page goes without an identity", { error });
      });
      event.waitUntil(accompanied);
      isLate = !(await settlesWithin(decided, IDENTITY_PATIENCE_MS, clock));
      const response = isLate ? undefined : await accompanied;
      const shown = await page;
      return response === undefined || shown.status === 0 ? shown : response;
    },

    own: (event) => ownAnswer(event, event.request).catch(unavailable),

    identify: (event) => identify(event).catch(unavailable),

    async withoutPage(event) {
      try {
        await organic(event, new Request(scope.registration.scope), async () => new Response(null));
      } catch (error) {
        logOnce.error("visit", "a visit without a page failed", { error });
      }
    },
  };
}

const nobody: LongEvent = { waitUntil() {} };
const noPage = () => Promise.reject(new Error("this is no request for a page"));
