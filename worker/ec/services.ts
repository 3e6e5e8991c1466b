/**
 * The types that the parts of the Edge Cookie share: what a service is made of, and what its routes get.
 * @module
 */
import type { MayAdopt } from "../../runtime/ec/graph/adoption.ts";
import type { MayEnd } from "../../runtime/ec/graph/ending.ts";
import type { GraphEntry } from "../../runtime/ec/graph/entry.ts";
import type { Graph } from "../../runtime/ec/graph/graph.ts";
import type { Identity } from "../../runtime/ec/id.ts";
import type { MayShare } from "../../runtime/ec/partners/partner-consent.ts";
import type { Registry } from "../../runtime/ec/partners/registry.ts";
import type { EcContext } from "../../runtime/ec/request/context.ts";
import type { HasStanding } from "../../runtime/ec/standing.ts";
import type { LogOnce } from "../../runtime/observe/log.ts";
import type { MetricsRegistry } from "../../runtime/observe/metrics.ts";
import type { Tracer } from "../../runtime/observe/tracer.ts";
import type {
  Background,
  Client,
  Clock,
  Fetch,
  Log,
  Random,
  RateLimiter,
  Store,
  TableView,
} from "../../runtime/platform.ts";
import type { SyncView } from "../../runtime/sync/index.ts";
import type { HotPath } from "../../wasm/hotpath.ts";
import type { Past, PastFigures } from "../admin/past.ts";
import type { InstanceStatus } from "../admin/status.ts";
import type { OperatorRules } from "../http/operator.ts";
import type { Readiness } from "../http/readiness.ts";
import type { InTurn } from "../http/turns.ts";
import type { Config } from "./config.ts";
import type { RouteKind } from "./route-kind.ts";
import type { Settings } from "./settings.ts";
import type { RequestHead, Visit } from "./visit.ts";

/** All processes of a server, as one of them sees them. */
export interface AllWorkers {
  /** The answer of `GET /_ts/metrics`. */
  metricsText(): Promise<string>;
  /** The answer of `GET /_ts/admin/status`. */
  status(): Promise<InstanceStatus>;
  /** The answer of `GET /_ts/admin/past`. */
  past(nowMs: number): Promise<Past>;
  /**
   * This process's share of the requests in flight to a domain. At least one: a limit below the number of processes becomes that
   * number.
   */
  shareOf(maxConcurrent: number): number;
}

/** What a service needs. The host and the options supply it. */
export interface Dependencies {
  readonly config: Config;
  readonly hotPath: HotPath;
  readonly store: Store;
  readonly limiter: RateLimiter;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: Fetch;
  /** For addresses from outside: refuses names that resolve to this machine or to private networks. */
  readonly fetchPublic: Fetch;
  /** The process lives on between requests, so that work may wait in memory. */
  readonly livesBetweenRequests: boolean;
  readonly log: Log;
  readonly metrics: MetricsRegistry;
  /** Gives calls to other servers their place in the trace of the request that causes them. */
  readonly tracer: Tracer;
  readonly loadApp: LoadApp;
  /** The address that our own server is bound to; `null` where the host listens. */
  readonly boundTo: string | null;
  /** The figures of the last minutes for the operator's page; `null` where none are kept. */
  readonly past: Pick<PastFigures, "samples"> | null;
  /** All processes of this server; `null`: there is one. */
  readonly workers: AllWorkers | null;
}

/** What the service's own routes work with. */
export interface Services extends Dependencies {
  /** When the service began, in milliseconds since the epoch. */
  readonly startedMs: number;
  /** A random name of this instance. */
  readonly instance: string;
  readonly identity: Identity;
  readonly graph: Graph;
  readonly mayAdopt: MayAdopt;
  readonly mayEnd: MayEnd;
  readonly mayShare: MayShare;
  readonly hasStanding: HasStanding;
  /** For faults that every request would repeat. */
  readonly logOnce: LogOnce;
  readonly registry: Registry;
  /** The settings that requests are read with. */
  readonly settings: Settings;
  /** SHA-256 of a text in UTF-8, as lower-case hex. */
  sha256Hex(text: string): string;
  /** The graph entry of a visitor who is seen for the first time now. */
  newEntryFor(context: EcContext): GraphEntry;
  /** Who the operator is. */
  readonly operator: OperatorRules;
  /** Drops the work that waits for an id. */
  dropQueued(id: string): void;
  /** What the sync engine is doing now. */
  inspectSync(): SyncView;
  /** Whether this instance can do its work. */
  readonly readiness: Readiness;
  /** The tables of fixed size: the one of visitors seen lately, and those of the limiter if it has any. */
  tables(): TableView[];
  /** Names of the tables in which a take found no room within the last minute. */
  fullTables(): string[];
  /** The number of visitors whose pulls are remembered. */
  pullsRemembered(): number;
  /** Parses long bodies one at a time, where the process lives on between requests. */
  readonly inTurn: InTurn;
}

/** One running service. */
export interface Service {
  readonly services: Services;
  /**
   * Answers one request: by the service's own routes, else by `handler`. Synchronous if nothing has to be waited for.
   * @param headers the request's fields as a server read them. Default: `request.headers`.
   * @throws what `handler` throws.
   */
  respond(
    request: Request,
    client: Client,
    background: Background,
    handler: () => Response | Promise<Response>,
    headers?: RequestHead["headers"],
  ): Response | Promise<Response>;
  /** Begins a request that a host answers without `Request` and `Response`. The caller must end the visit. */
  begin(request: RequestHead, route: RouteKind, client: Client, background: Background): Visit;
  /** Waits for the background work that has begun, then closes the store and the limiter. */
  close(): Promise<void>;
}

/** What a route finds in `c.env`: the visit. */
export interface RouteBindings {
  Bindings: Visit;
}

/** Answers for all routes of a host. */
export type App = (request: Request, visit: Visit) => Response | Promise<Response>;

/** Loads a host's routes, which visitors' pages do not wait for. */
export type LoadApp = () => Promise<{ createApp(services: Services): App }>;
