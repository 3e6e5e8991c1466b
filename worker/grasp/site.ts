/**
 * The HTTP face of the service: which path is what (G5, O4, O5, O10), and CORS on every answer (G25).
 * @module
 */
import { contributorOf } from "../../runtime/grasp/contributor.ts";
import { readPlace } from "../../runtime/grasp/place.ts";
import { isLoopbackHost } from "../../runtime/lib/addresses.ts";
import type { Log } from "../../runtime/platform.ts";
import type { OperatorAnswer } from "./admin/operator-answer.ts";
import type { GraspSection } from "./config.ts";
import type { DryRunHandler } from "./dry-run.ts";
import { textAnswer } from "./git/answers.ts";
import type { Exchange } from "./git/exchange.ts";
import type { GitHandler } from "./git/git-http.ts";
import type { Health } from "./health.ts";
import { nostrNames, relayInformation, versionText } from "./nip11.ts";
import type { Build } from "./observe.ts";
import type { FactGatherer } from "./pages/repository-facts.ts";

/** Cross-origin requests are open to every page, on every answer (G25). */
export const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers":
    "Authorization, Content-Type, Git-Protocol, Accept, Content-Encoding, X-Requested-With",
  "access-control-expose-headers": "Content-Type, Retry-After",
  "access-control-max-age": "86400",
};

/** Pages may be indexed; Git's own paths need not. */
const ROBOTS = "User-agent: *\nDisallow: /*.git/\n";

/** What the site answers with. */
export interface SiteParts {
  readonly facts: FactGatherer;
  /** Seconds since the epoch. */
  readonly nowSeconds: () => number;
  readonly build: Build;
  /** The configuration as it is now. */
  section(): GraspSection;
  readonly health: Health;
  /** Answers requests for repositories. */
  readonly git: GitHandler;
  /** Answers what would happen (G29). */
  readonly dryRun: DryRunHandler;
  readonly log: Pick<Log, "error">;
  /** Answers the operator's paths, for clients on this machine; `null`: they are at another address, or nowhere. */
  readonly operator: OperatorAnswer | null;
  /** A PNG. */
  readonly icon: Uint8Array<ArrayBuffer>;
}

/** Pages are loaded by the first request for one: most clients are programs. */
const pages = () => import("./pages/pages.ts");

export class Site {
  readonly #parts: SiteParts;
  #isReady = false;
  #isDraining = false;
  #isStopping = false;

  constructor(parts: SiteParts) {
    this.#parts = parts;
  }

  /** The start is over (P31). */
  ready(): void {
    this.#isReady = true;
  }

  /** The service will stop: it is not ready any more, and takes pushes still. */
  draining(): void {
    this.#isDraining = true;
  }

  /** The service stops: it takes no pushes any more. */
  stopping(): void {
    this.#isStopping = true;
  }

  async answer(request: Request, exchange: Exchange): Promise<Response> {
    const { operator } = this.#parts;
    if (operator !== null && isLoopbackHost(exchange.address ?? "")) {
      // Without CORS: no page of another origin reads these.
      const own = await operator(request, exchange.address);
      if (own !== null) return own;
    }
    const response = await this.#answer(request, exchange).catch((error) => {
      this.#parts.log.error("a request failed", { error });
      return textAnswer(500, "the request failed; the log has the cause");
    });
    for (const [name, value] of Object.entries(CORS)) response.headers.set(name, value);
    return response;
  }

  /** Whether the service works, or takes requests (O10). */
  async state(path: "/health" | "/ready"): Promise<Response> {
    const { health } = this.#parts;
    if (path === "/ready" && (this.#isDraining || this.#isStopping))
      return stateResponse({ status: "draining" });
    if (path === "/ready" && !this.#isReady) return stateResponse({ status: "starting" });
    return stateResponse(await health.check());
  }

  async #answer(request: Request, exchange: Exchange): Promise<Response> {
    const { method } = request;
    if (method === "OPTIONS") return new Response(null, { status: 204 });
    const pathname = exchange.path ?? new URL(request.url).pathname;
    const { basePath } = this.#parts.section();
    if (`${pathname}/` === basePath) return moved(basePath);
    if (!pathname.startsWith(basePath)) return this.#notHosted();
    const path = pathname.slice(basePath.length - 1);
    // Those under way go on (O21).
    if (this.#isStopping && isPush(request.url)) return stopped();
    if (path === "/dry-run" && method === "POST") return this.#parts.dryRun(request, exchange.address);
    const isRead = method === "GET" || method === "HEAD";
    const own = isRead ? await this.#own(path, request) : null;
    return own ?? (await this.#parts.git(request, path, exchange)) ?? this.#notHosted();
  }

  async #notHosted(): Promise<Response> {
    return (await pages()).notHosted(this.#parts.section(), this.#parts.build);
  }

  /** Answers a path of our own. */
  async #own(path: string, request: Request): Promise<Response | null> {
    const { section, icon, build } = this.#parts;
    switch (path) {
      case "/":
        return wantsRelayInformation(request)
          ? relayInformation(section(), build)
          : (await pages()).landingPage(section(), build);
      case "/.well-known/nostr.json":
        return Response.json({ names: nostrNames(section()) });
      case "/health":
      case "/ready":
        return this.state(path);
      case "/icon.png":
        return new Response(icon, {
          headers: { "content-type": "image/png", "cache-control": "public, max-age=86400" },
        });
      case "/robots.txt":
        return new Response(ROBOTS, { headers: { "content-type": "text/plain; charset=utf-8" } });
      default:
        return this.#repository(path);
    }
  }

  /** The page of a repository, or its facts as JSON: by path, whatever the client accepts (G26, G27). */
  async #repository(path: string): Promise<Response | null> {
    const place = readPlace(path);
    if (place === null || !["", "status.json"].includes(place.rest)) return null;
    const { owner, identifier } = place;
    // A contributor's repository has no announcement, and so no page.
    if (contributorOf(owner) !== null) return this.#notHosted();
    const { facts: gatherer, section, build, nowSeconds } = this.#parts;
    const facts = await gatherer.of(owner, identifier);
    if (facts === null) return this.#notHosted();
    const { name, basePath } = section();
    const canonical = `/${facts.owner}/${encodeURIComponent(identifier)}.git`;
    if (place.rest === "status.json") {
      return Response.json(facts, { headers: { "cache-control": "no-cache" } });
    }
    // One spelling has the page; a slash at its end is allowed (G2, G7).
    if (path !== canonical && path !== `${canonical}/`) return moved(basePath + canonical.slice(1));
    const by = { site: name, basePath, version: versionText(build) };
    return (await pages()).repositoryPage(facts, nowSeconds(), by);
  }
}

/** Whether a request pushes, or asks what it would need for that. */
function isPush(url: string): boolean {
  const { pathname, searchParams } = new URL(url);
  const isAdvertisement = pathname.endsWith("/info/refs");
  return isAdvertisement
    ? searchParams.get("service") === "git-receive-pack"
    : pathname.endsWith("/git-receive-pack");
}

function stopped(): Response {
  return new Response("the server stops; push again in a moment\n", {
    status: 503,
    headers: { "content-type": "text/plain; charset=utf-8", "retry-after": "30" },
  });
}

function wantsRelayInformation(request: Request): boolean {
  return request.headers.get("accept")?.includes("application/nostr+json") ?? false;
}

function stateResponse(state: { readonly status: string }): Response {
  return Response.json(state, {
    status: state.status === "ok" ? 200 : 503,
    headers: { "cache-control": "no-store" },
  });
}

function moved(location: string): Response {
  return new Response(null, { status: 308, headers: { location } });
}
