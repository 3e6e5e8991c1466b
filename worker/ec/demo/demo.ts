/**
 * The demonstration: the Edge Cookie in front of a small newspaper, with example partners and a panel that shows what happens.
 * @module
 */
import { DEFAULT_COOKIE_NAME } from "../../../runtime/ec/request/cookie.ts";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import type { Client, Clock, Fetch, Random, Store } from "../../../runtime/platform.ts";
import type { FetchHandler } from "../../hosts/host.ts";
import type { EdgeCookieHandler, EdgeCookieOptions } from "../edge-cookie.ts";
import { visitOf } from "../request-context.ts";
import type { Services } from "../services.ts";
import { createCrowd } from "./crowd.ts";
import { createGates } from "./gates.ts";
import { createPanel, PANEL_PATH } from "./panel.ts";
import type { ExamplePartners } from "./partners/start.ts";
import { placeOf } from "./places.ts";
import { describe } from "./story.ts";
import { SESSION_COOKIE, type Visitor, Visitors } from "./visitors.ts";
import { watchedFetch } from "./watched-fetch.ts";
import { watchedStore } from "./watched-store.ts";

/** The host name of the newspaper. Browsers resolve it to this machine, and accept its `Secure` cookies over plain http. */
export const DOMAIN = "millrace.localhost";

/** The dependencies of {@link createDemo}. */
export interface DemoDependencies<Args extends unknown[]> {
  /** The `edgeCookie` of the host's entry. */
  edgeCookie(options: EdgeCookieOptions): (handler: FetchHandler<Args>) => EdgeCookieHandler<Args>;
  /** The options of the service that the demonstration does not set. */
  options: Omit<EdgeCookieOptions, "publisher" | "partners" | "auction" | "readClient" | "store" | "fetch">;
  store: Store;
  clock: Clock;
  random: Random;
  /** The fetch for partners, and for everything else. */
  fetches: { partners: Fetch; others: Fetch };
  partners: Pick<ExamplePartners, "companies" | "auctionEndpoint" | "apiKey">;
  /** The site behind the service. */
  site: FetchHandler<Args>;
}

/** A running demonstration. */
export interface Demo<Args extends unknown[]> {
  answer: FetchHandler<Args>;
  /** Ends the panels' streams, which do not end by themselves. */
  endStreams(): void;
  /** Finishes background work and closes the store. */
  close(): Promise<void>;
}

/** Creates a demonstration. */
export function createDemo<Args extends unknown[]>(dependencies: DemoDependencies<Args>): Demo<Args> {
  const { edgeCookie, options, store, clock, random, fetches, partners, site } = dependencies;
  const { companies, auctionEndpoint, apiKey } = partners;
  const visitors = new Visitors(random, clock, companies);
  const crowd = createCrowd(random);
  // The service opens with the first request.
  let inspect: Services["inspectSync"] = () => ({ queued: 0, domains: [] });
  const gates = createGates(companies, clock, () => inspect());
  const cookie = { name: options.cookie?.name ?? DEFAULT_COOKIE_NAME, domain: DOMAIN };
  const panel = createPanel({ visitors, gates, companies, apiKey, cookie });
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
      gates.record(event);
      visitors.recordPull(event);
    }),
    readClient: (request, ip) => crowd.clientOf(request) ?? chosenClient(request, ip),
  })(site);

  /** Records what the service did. Skips the files of a page if the request did not change the id. */
  function report(visitor: Visitor, request: Request, response: Response): void {
    const visit = visitOf(request);
    if (visit === undefined) return;
    const { context, finalization } = visit;
    const { branch } = finalization;
    // The newspaper's advertisement shows its own auction.
    const isAdvert =
      isOfNewspaper(request) && ["/identify", "/auction"].includes(new URL(request.url).pathname);
    const isFile = isAdvert || /\.\w+$/.test(new URL(request.url).pathname);
    if (isFile && (branch === "returning" || branch === "denied" || branch === "anonymous")) return;
    const happening = describe(context, finalization, request, response, visitor);
    visitors.remember(visitor, context, happening, isPageRequest(request));
  }

  function answerPanel(request: Request, args: Args): Response | Promise<Response> {
    const { services } = handler.service(...args);
    inspect = services.inspectSync;
    return panel.answer(request, {
      graph: services.graph,
      sendCrowd() {
        for (const visit of crowd.visits(new URL("/", request.url).href)) {
          Promise.resolve(handler(visit, ...args))
            .then((response) => response.body?.cancel())
            .catch(() => {}); // the response is not read
        }
      },
    });
  }

  return {
    async answer(request, ...args) {
      const url = new URL(request.url);
      if (url.hostname !== DOMAIN) {
        if (!isLoopbackHost(url.hostname)) return new Response(`ask ${DOMAIN}\n`, { status: 421 });
        // A browser would not accept the cookie under another name.
        if (isPageRequest(request))
          return redirectTo(`http://${DOMAIN}:${url.port}${url.pathname}${url.search}`);
      }
      const known = visitors.of(request.headers);
      const visitor = known ?? (isPageRequest(request) ? visitors.welcome() : null);
      const isPanel = url.pathname.startsWith(PANEL_PATH);
      const response = await (isPanel ? answerPanel(request, args) : handler(request, ...args));
      if (visitor === null) return response;
      if (!isPanel) report(visitor, request, response);
      return known === null ? withSession(response, visitor.session) : response;
    },
    endStreams: () => panel.close(),
    close: handler.close,
  };
}

/** Whether a page of the newspaper made the request, and not the partner's page. */
function isOfNewspaper({ headers }: Request): boolean {
  const referer = headers.get("referer");
  return referer !== null && !new URL(referer).pathname.startsWith(PANEL_PATH);
}

/** Whether a browser will show the response as a page. */
function isPageRequest(request: Request): boolean {
  return request.headers.get("accept")?.includes("text/html") ?? false;
}

/** The client: the socket's address, and the place that the visitor chose. */
function chosenClient(request: Request, ip: string | null): Client {
  const { country, region } = placeOf(request.headers);
  return { ip, country, region };
}

function redirectTo(location: string): Response {
  return new Response(null, { status: 307, headers: { location } });
}

function withSession(response: Response, session: string): Response {
  const copy = new Response(response.body, response);
  copy.headers.append("set-cookie", `${SESSION_COOKIE}=${session}; Path=/; SameSite=Lax; HttpOnly`);
  return copy;
}
