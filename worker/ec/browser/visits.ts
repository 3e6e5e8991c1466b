/**
 * Requests on a visitor's device, answered by the same service as on a server. A service worker sees neither `Cookie` nor
 * `Set-Cookie`, so the request gets its headers before the service, and the cookie is written after it.
 * @module
 */
import { EC_REDACTION } from "../../../runtime/ec/redaction.ts";
import { settlesWithin } from "../../../runtime/lib/within.ts";
import { createLog, createLogOnce, type LogOnce } from "../../../runtime/observe/log.ts";
import type { Client, Store } from "../../../runtime/platform.ts";
import { problem } from "../../http/problem.ts";
import { type Config, configWarnings } from "../config.ts";
import { type EdgeCookieHandler, withConfig } from "../edge-cookie.ts";
import { visitOf } from "../request-context.ts";
import type { Services } from "../services.ts";
import { changeCookie, cookieChange, cookieHeader } from "./cookies.ts";
import { createClientReader, deviceSecret } from "./device.ts";
import { type BrowserArgs, host } from "./host.ts";
import { type IdentifyCache, identifyCache } from "./identify-cache.ts";
import { type LongEvent, type RequestEvent, scope } from "./scope.ts";
import { createTurns } from "./turns.ts";

/** How long a page waits for the visitor's identity, in milliseconds. After that it is shown without one. */
const IDENTITY_TIMEOUT_MS = 250;
/** A repeated fault is logged once in this period, in milliseconds. */
const LOG_ONCE_MS = 60_000;

const { clock, random } = host;

/** The open service. */
interface Opened {
  handler: EdgeCookieHandler<BrowserArgs>;
  services: Services;
}

/** Answers a service worker's events. A missing identity rejects none of them. */
export class Visits {
  readonly #config: Config;
  readonly #log = createLog({ level: host.logLevel, write: host.writeLog, clock, redact: EC_REDACTION });
  readonly #logOnce: LogOnce = createLogOnce(this.#log, clock, LOG_ONCE_MS);
  readonly #store: Store = host.openStore(host.defaultStore, [noEvent, noPage]);
  readonly #answers: IdentifyCache = identifyCache(clock);
  readonly #takeTurn = createTurns();
  /** Functions that end the turns of requests in progress. */
  readonly #turns = new WeakMap<Request, () => void>();
  readonly #clients = new WeakMap<Request, Client>();
  readonly #readClient: () => Promise<Client>;
  #opening: Promise<Opened> | undefined;

  /** @param config with any passphrase: the device has its own. */
  constructor(config: Config, clientUrl: string | undefined) {
    this.#config = config;
    this.#readClient = createClientReader({
      url: clientUrl,
      store: this.#store,
      clock,
      fetch: host.fetch,
      onFailure: (error) => this.#logOnce.warn("client", "the client is unknown", { error }),
    });
  }

  /** Opens the service before the first event. If that fails, the first event tries again. */
  prepare(): void {
    this.#opened().catch(() => {});
  }

  /** Removes the caches of other versions. */
  removeOldCaches(): Promise<void> {
    return this.#answers.removeOthers();
  }

  /** Answers with the page of `site`, with the identity if it is known in time. */
  async page(event: RequestEvent, site: (request: Request) => Promise<Response>): Promise<Response> {
    const { request } = event;
    const page = Promise.resolve(site(request));
    const loaded = page.catch(() => null);
    let isLate = false;
    let isDecided = () => {};
    const decided = new Promise<void>((resolve) => {
      isDecided = resolve;
    });
    const accompanied = this.#organic(event, request, async () => {
      isDecided();
      const response = await loaded;
      // A failed or opaque response cannot get headers.
      return isLate || response === null || response.status === 0 ? new Response(null) : response;
    }).catch((error) => {
      isDecided();
      this.#logOnce.error("page", "a page has no identity", { error });
    });
    event.waitUntil(accompanied);
    isLate = !(await settlesWithin(decided, IDENTITY_TIMEOUT_MS, clock));
    const response = isLate ? undefined : await accompanied;
    const shown = await page;
    return response === undefined || shown.status === 0 ? shown : response;
  }

  /** Answers a request to one of the service's routes. */
  async own(event: RequestEvent): Promise<Response> {
    try {
      return await this.#handleRoute(event, event.request);
    } catch (error) {
      return this.#unavailable(error);
    }
  }

  /** Answers `GET /identify` from the device while the last answer is fresh, and renews that in the background. */
  async identify(event: RequestEvent): Promise<Response> {
    try {
      return await this.#identify(event);
    } catch (error) {
      return this.#unavailable(error);
    }
  }

  /** Makes a visit without a page: it mints, withdraws and pulls like any other. */
  async withoutPage(event: LongEvent): Promise<void> {
    try {
      await this.#organic(event, new Request(scope.registration.scope), async () => new Response(null));
    } catch (error) {
      this.#logOnce.error("visit", "a visit without a page failed", { error });
    }
  }

  /** The open service, for a request whose client is known. Both load at the same time. */
  async #openedFor(request: Request): Promise<Opened> {
    const [service] = await Promise.all([this.#opened(), this.#findClient(request)]);
    return service;
  }

  /** The open service. The next request retries if opening failed. */
  #opened(): Promise<Opened> {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<Opened> {
    const config = { ...this.#config, passphrases: [await deviceSecret(this.#store, random)] };
    const wrap = withConfig(host, () => import("./routes.ts"), config, {
      store: this.#store,
      readClient: (request) => this.#clients.get(request)!,
      log: this.#log,
      warnings: configWarnings(config, { knowsPlace: true }),
    });
    const handler = wrap((request, event, page) => this.#accompany(request, event, page));
    return { handler, services: handler.service(noEvent, noPage).services };
  }

  async #findClient(request: Request): Promise<void> {
    if (!this.#clients.has(request)) this.#clients.set(request, await this.#readClient());
  }

  /**
   * Adds the headers that a browser hides from a service worker. Fetches of scripts have no destination and count as page
   * visits: the cookie is available here for every request. Requests take turns from reading the cookie until it is
   * written, since two at once would mint two ids.
   * @returns a function that ends the turn
   */
  async #complete(request: Request): Promise<() => void> {
    const endTurn = await this.#takeTurn();
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

  /** Writes the cookie, like `Set-Cookie` does on a server. */
  async #writeCookie(request: Request): Promise<void> {
    const change = cookieChange(visitOf(request)!.finalization);
    if (change === null) return;
    if (change === "delete") await this.#answers.clear();
    try {
      const { cookie } = (await this.#opened()).services.settings;
      await changeCookie(change, cookie, clock.now());
    } catch (error) {
      this.#logOnce.error("cookie", "the cookie cannot be written; is publisher.domain right?", { error });
    }
  }

  /** The wrapped handler: writes the cookie before the page is shown. */
  async #accompany(request: Request, ...[event, page]: BrowserArgs): Promise<Response> {
    await this.#writeCookie(request);
    this.#turns.get(request)?.();
    event.waitUntil(
      this.#adopt(request).catch((error) =>
        this.#logOnce.error("adopting", "an id was not adopted", { error }),
      ),
    );
    return page();
  }

  /**
   * A browser may delete the graph and keep the cookie. The secret that proves the owner of the id is lost with the graph.
   * On the visitor's own device the cookie is proof enough.
   */
  async #adopt(request: Request): Promise<void> {
    const { context, finalization: end } = visitOf(request)!;
    if (end.branch !== "returning") return;
    const { graph, newEntryFor } = (await this.#opened()).services;
    if ((await graph.getOrMark(end.id)) !== null) return;
    await graph.createOrRevive(end.id, newEntryFor(context));
  }

  async #organic(event: LongEvent, request: Request, page: () => Promise<Response>): Promise<Response> {
    const { handler } = await this.#openedFor(request);
    const endTurn = await this.#complete(request);
    this.#turns.set(request, endTurn);
    try {
      return await handler(request, event, page);
    } finally {
      endTurn();
    }
  }

  /** Answers a route of the service. It never mints, so its turn ends at once. */
  async #handleRoute(event: LongEvent, request: Request): Promise<Response> {
    const { handler } = await this.#openedFor(request);
    (await this.#complete(request))();
    const response = await handler(request, event, noPage);
    await this.#writeCookie(request);
    return response;
  }

  async #identify(event: RequestEvent): Promise<Response> {
    const { request } = event;
    const { services } = await this.#openedFor(request);
    (await this.#complete(request))();
    const facts = this.#factsOf(request, services);
    const renew = async () => {
      const response = await this.#handleRoute(event, request);
      if (response.status !== 200) return response;
      const kept = this.#answers.put(facts, response.clone());
      event.waitUntil(
        kept.catch((error) => this.#logOnce.warn("identify", "an answer was not kept", { error })),
      );
      return response;
    };
    const fresh = await this.#answers.match(facts);
    if (fresh === null) return renew();
    event.waitUntil(
      renew().catch((error) => this.#logOnce.error("identify", "an answer was not renewed", { error })),
    );
    return fresh;
  }

  /** The inputs of an answer to `/identify` besides the graph. */
  #factsOf(request: Request, { sha256Hex }: Services): string {
    const { country, region } = this.#clients.get(request)!;
    const { headers } = request;
    return sha256Hex(JSON.stringify([headers.get("cookie"), headers.get("sec-gpc"), country, region]));
  }

  /** The response if the browser stores nothing for the site, for example in a private window. */
  #unavailable(error: unknown): Response {
    this.#logOnce.error("device", "the device cannot answer", { error });
    const message = "this browser stores nothing for the site now; try again later";
    return Response.json(problem("store_unavailable", message), {
      status: 503,
      headers: { "cache-control": "private, no-store" },
    });
  }
}

/** Arguments for opening the service outside of a request. */
const noEvent: LongEvent = { waitUntil() {} };
const noPage = () => Promise.reject(new Error("this request is not for a page"));
