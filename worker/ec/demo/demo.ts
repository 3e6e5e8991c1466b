/**
 * The demonstration: the Edge Cookie service around a small paper, partners that it asks, and around all of it a panel
 * that tells what happens.
 * @module
 */
import { decideFinalization } from "../../../runtime/ec/finalize.ts";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import type { Client, Clock, Fetch, Random, Store } from "../../../runtime/platform.ts";
import type { FetchHandler } from "../../hosts/host.ts";
import type { EdgeCookieHandler, EdgeCookieOptions } from "../edge-cookie.ts";
import { ecOf, type Services } from "../service.ts";
import { createCrowd } from "./crowd.ts";
import { createGates } from "./gates.ts";
import { createPanel, PANEL_PATH } from "./panel.ts";
import type { ExamplePartners } from "./partners/start.ts";
import { placeOf } from "./places.ts";
import { tell } from "./story.ts";
import { createVisitors, SESSION_COOKIE, type Visitor } from "./visitors.ts";
import { watchedFetch } from "./watched-fetch.ts";
import { watchedStore } from "./watched-store.ts";

/** The name that the paper goes by: browsers know it for this machine, and over plain http keep its `Secure` cookies. */
export const DOMAIN = "millrace.localhost";

/** What a demonstration is made of. */
export interface DemoParts<Args extends unknown[]> {
  /** The host's own, as its entry exports it. */
  edgeCookie(options: EdgeCookieOptions): (handler: FetchHandler<Args>) => EdgeCookieHandler<Args>;
  /** The service's options but for what the demonstration itself has to say. */
  options: Omit<EdgeCookieOptions, "publisher" | "partners" | "auction" | "readClient" | "store" | "fetch">;
  store: Store;
  clock: Clock;
  random: Random;
  /** How partners are reached, and everybody else. */
  fetches: { partners: Fetch; others: Fetch };
  partners: Pick<ExamplePartners, "companies" | "auctionEndpoint" | "apiKey">;
  /** The site to stand in front of. */
  site: FetchHandler<Args>;
}

/** A running demonstration. */
export interface Demo<Args extends unknown[]> {
  answer: FetchHandler<Args>;
  /** Ends the panels' streams, which have no end of their own. */
  endStreams(): void;
  /** Finishes background work and closes the store. */
  close(): Promise<void>;
}

/** Puts a demonstration together. */
export function createDemo<Args extends unknown[]>(parts: DemoParts<Args>): Demo<Args> {
  const { edgeCookie, options, store, clock, random, fetches, partners, site } = parts;
  const { companies, auctionEndpoint, apiKey } = partners;
  const visitors = createVisitors(random, clock, companies);
  const crowd = createCrowd(random);
  // There is no service to look into before the first request.
  let inspect: Services["inspectSync"] = () => ({ queued: 0, domains: [] });
  const gates = createGates(companies, clock, () => inspect());
  const panel = createPanel({ visitors, gates, companies, apiKey, domain: DOMAIN });
  const handler = edgeCookie({
    ...options,
    allowInsecurePartners: true,
    publisher: { domain: DOMAIN },
    partners: companies.map(({ record }) => record),
    auction: { endpoint: auctionEndpoint },
    store: watchedStore(store, visitors.store),
    clock,
    random,
    fetch: watchedFetch(fetches, companies, clock, (event) => {
      gates.saw(event);
      visitors.pulled(event);
    }),
    readClient: (request, ip) => crowd.clientOf(request) ?? chosenClient(request, ip),
  })(site);

  /** Writes down what the service did, unless it is one of the many files of a page to which nothing happened. */
  function report(visitor: Visitor, request: Request, response: Response): void {
    const context = ecOf(request);
    if (context === undefined) return;
    const { branch } = decideFinalization(context);
    const isFile = /\.\w+$/.test(new URL(request.url).pathname);
    if (isFile && (branch === "returning" || branch === "denied")) return;
    visitors.remember(visitor, context, tell(context, request, response, visitor), isForPeople(request));
  }

  function answerItself(request: Request, args: Args): Response | Promise<Response> {
    const { services } = handler.service(...args);
    inspect = services.inspectSync;
    return panel.answer(request, {
      graph: services.graph,
      sendCrowd() {
        for (const visit of crowd.visits(new URL("/", request.url).href)) {
          Promise.resolve(handler(visit, ...args))
            .then((response) => response.body?.cancel())
            .catch(() => {}); // nobody reads it
        }
      },
    });
  }

  return {
    async answer(request, ...args) {
      const url = new URL(request.url);
      if (url.hostname !== DOMAIN) {
        if (!isLoopbackHost(url.hostname)) return new Response(`ask ${DOMAIN}\n`, { status: 421 });
        // Under another name a browser would not keep the cookie.
        if (isForPeople(request))
          return elsewhere(`http://${DOMAIN}:${url.port}${url.pathname}${url.search}`);
      }
      const known = visitors.of(request.headers);
      const visitor = known ?? (isForPeople(request) ? visitors.welcome() : null);
      const isOurs = url.pathname.startsWith(PANEL_PATH);
      const response = await (isOurs ? answerItself(request, args) : handler(request, ...args));
      if (visitor === null) return response;
      if (!isOurs) report(visitor, request, response);
      return known === null ? withSession(response, visitor.session) : response;
    },
    endStreams: panel.close,
    close: handler.close,
  };
}

/** Whether a browser wants to show the answer as a page. */
function isForPeople(request: Request): boolean {
  return request.headers.get("accept")?.includes("text/html") ?? false;
}

/** The address is the socket's; the place is where the visitor says to be. */
function chosenClient(request: Request, ip: string | null): Client {
  const { country, region } = placeOf(request.headers);
  return { ip, country, region };
}

function elsewhere(location: string): Response {
  return new Response(null, { status: 307, headers: { location } });
}

function withSession(response: Response, session: string): Response {
  const copy = new Response(response.body, response);
  copy.headers.append("set-cookie", `${SESSION_COOKIE}=${session}; Path=/; SameSite=Lax; HttpOnly`);
  return copy;
}
