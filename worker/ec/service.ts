/**
 * One Edge Cookie service: the parts of `runtime/` put together for one configuration on one host, and the life of a
 * request through them: read, handle, finalize, then what may wait.
 * @module
 */

import {
  changedResponse,
  decideFinalization,
  type Finalization,
  type HeaderChange,
  headerChange,
} from "../../runtime/ec/finalize.ts";
import { createAdoption, type MayAdopt } from "../../runtime/ec/graph/adoption.ts";
import { createMayEnd, type MayEnd } from "../../runtime/ec/graph/ending.ts";
import {
  type GraphEntry,
  isDeletionMark,
  isTombstone,
  LAST_SEEN_DEBOUNCE_SECONDS,
  newEntry,
  toSeconds,
} from "../../runtime/ec/graph/entry.ts";
import { createGraph, type Graph } from "../../runtime/ec/graph/graph.ts";
import { createIdentity, ecHash, type Identity, shortId } from "../../runtime/ec/id.ts";
import { describeMetrics } from "../../runtime/ec/metrics.ts";
import { createPullSync, PULL_TIMEOUTS } from "../../runtime/ec/partners/pull-sync.ts";
import { createRegistry, type Registry } from "../../runtime/ec/partners/registry.ts";
import { allowsEcCreation, type ConsentPolicy, type Jurisdiction } from "../../runtime/ec/request/consent.ts";
import { type EcContext, mintNeed, readContext, takeMinted } from "../../runtime/ec/request/context.ts";
import { evidenceOf } from "../../runtime/ec/request/evidence.ts";
import { isPageVisit } from "../../runtime/ec/request/page-visit.ts";
import { toHex } from "../../runtime/lib/hex.ts";
import { isPending, settlesWithin, valueWithin } from "../../runtime/lib/within.ts";
import { countFaults } from "../../runtime/observe/count-faults.ts";
import { createLogOnce, type LogOnce } from "../../runtime/observe/log.ts";
import { meteredStore } from "../../runtime/observe/metered-store.ts";
import type { Counter, MetricsRegistry } from "../../runtime/observe/metrics.ts";
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
import { DELAYS_MS, monotonicClock, SyncEngine, type SyncView } from "../../runtime/sync/index.ts";
import { type HotPath, windowTime } from "../../wasm/hotpath.ts";
import type { OperatorRules } from "../http/operator.ts";
import { createReadiness, type Readiness } from "../http/readiness.ts";
import { atOnce, createInTurn, type InTurn } from "../http/turns.ts";
import type { App, LoadApp } from "./app.ts";
import { type Config, sealPartners } from "./config.ts";
import { type RouteKind, routeKind } from "./route-kind.ts";
import { faultsOnce, instanceName, syncParts } from "./sync-parts.ts";

/** How long a response waits for the store before the write goes on behind it, in milliseconds. */
const STORE_PATIENCE_MS = 250;
/** How long pulls that are under way may go on at the end, in milliseconds. */
const CLOSE_PATIENCE_MS = 2000;
/** How long other background work may, in milliseconds: a little longer than any store makes a write wait. */
const BACKGROUND_PATIENCE_MS = 4500;
/**
 * Where work ends some 30 s after its response at the latest: how long its pulls may begin, in milliseconds, so that the
 * last of them ends before. Those that are left wait for the next request.
 */
const PULLS_BEGIN_WITHIN_MS = 20_000;
/** How many ids of one address are looked up in the time in which one id is looked up once. */
const SEEN_PER_CLIENT = 250;
/** How many ids that nobody knows one address may have looked up by pixels, and in which time. */
const STRANGERS = { limit: 250, windowMs: 300_000 };
const HOUR_MS = 3_600_000;
/** How long a table that was found full is told of, in milliseconds. */
const FULL_TOLD_MS = 60_000;
/** A fault that repeats is logged once in this time, with a count, in milliseconds. */
const LOG_ONCE_MS = 60_000;

/** What a service is made of; the host and the options supply them. */
export interface Parts {
  readonly config: Config;
  readonly hotPath: HotPath;
  readonly store: Store;
  readonly limiter: RateLimiter;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: Fetch;
  /** For addresses that others gave us: refuses names that resolve to this machine or to private networks. */
  readonly fetchPublic: Fetch;
  /** The process lives on between requests, so that work may wait in memory. */
  readonly livesBetweenRequests: boolean;
  readonly log: Log;
  readonly metrics: MetricsRegistry;
  readonly loadApp: LoadApp;
  /** The address that our own server is bound to; `null` where the host does the listening. */
  readonly boundTo: string | null;
}

/** The parts and what is built from them: what the service's own routes work with. */
export interface Services extends Parts {
  /** When the service began, in milliseconds since the epoch. */
  readonly startedMs: number;
  readonly identity: Identity;
  readonly graph: Graph;
  readonly mayAdopt: MayAdopt;
  readonly mayEnd: MayEnd;
  /** For faults that every request would repeat. */
  readonly logOnce: LogOnce;
  readonly registry: Registry;
  /** Whose rules of consent apply where. */
  readonly policy: ConsentPolicy;
  /** SHA-256 of a text in UTF-8, as lower-case hex. */
  sha256Hex(text: string): string;
  /** The graph entry of a visitor seen now for the first time. */
  newEntryFor(context: EcContext): GraphEntry;
  /** Who the operator is. */
  readonly operator: OperatorRules;
  /** Drops the work that waits for an id. */
  dropQueued(id: string): void;
  /** What the sync engine is doing now. */
  inspectSync(): SyncView;
  /** Whether this instance can do its work. */
  readonly readiness: Readiness;
  /**
   * Whether a request's id may have windows that last: its hash is one of the sender's own address, or the graph knows it.
   * @throws if the store fails.
   */
  hasStanding(id: string, context: EcContext): boolean | Promise<boolean>;
  /** The tables of fixed size: what is remembered of visitors, and those of the limiter if it has any. */
  tables(): TableView[];
  /** Names of the tables in which a take found no room within the last minute. */
  fullTables(): string[];
  /** How many visitors' pulls are remembered. */
  pullsRemembered(): number;
  /** Parses long bodies one at a time, where the process lives on between requests. */
  readonly inTurn: InTurn;
}

/** One running service. */
export interface Service {
  readonly services: Services;
  /**
   * Answers one request: by the service's own routes, else by `handle`; at once where nothing has to be waited for.
   * @throws what `handle` throws.
   */
  respond(
    request: Request,
    client: Client,
    background: Background,
    handle: () => Response | Promise<Response>,
  ): Response | Promise<Response>;
  /**
   * Begins a request that a host answers without `Request` and `Response`: reads it, and mints an id where one is due.
   * Each visit must be ended by {@link Service.end}, or given up.
   */
  begin(request: RequestHead, route: RouteKind, client: Client, background: Background): Visit;
  /**
   * Ends a visit that is answered with this status.
   * @returns what changes in the answer's header fields; `null`: nothing. At once where the store need not be waited for.
   */
  end(visit: Visit, status: number): HeaderChange | null | Promise<HeaderChange | null>;
  /** Counts a visit that could not be answered. */
  giveUp(visit: Visit): void;
  /** Waits for the background work that has begun, then closes the store and the limiter. */
  close(): Promise<void>;
}

/** Where a request carries its context: a `WeakMap` would cost more, above all when garbage is collected. */
const CONTEXT = Symbol("millrace.context");

/** A request as the wrapped handler gets it. */
interface Accompanied extends Request {
  [CONTEXT]?: EcContext;
}

/** As much of a request as the service reads; a `Request` has it, and so has what a host parsed by itself. */
export interface RequestHead {
  readonly method: string;
  readonly headers: { get(name: string): string | null };
}

/** One request on its way through the service. */
export interface Visit {
  readonly context: EcContext;
  readonly background: Background;
  readonly route: RouteKind;
  /** While it is not known yet whether an id may be minted. */
  readonly minting: Promise<void> | null;
}

/** What has a request, such as hono's `Context`. */
export interface HasRequest {
  readonly req: { readonly raw: Request };
}

/** A request of `node:http`, such as Express's `req` and Fastify's `request.raw`. */
export interface NodeRequest {
  readonly rawHeaders: readonly string[];
}

/**
 * What the service read of a request and decided on it, for the wrapped handler.
 *
 * It belongs to the very object that the wrapped handler got: a copy, by `new Request(request)` or `request.clone()`, has
 * nothing of it. Read it before you make one. Behind `edgeCookieMiddleware` it stays where other middleware replaces the
 * request.
 *
 * @param source the request, hono's `Context`, or behind `nodeMiddleware` the request of `node:http`.
 * @returns `undefined` for a request that did not come through the service.
 */
export function ecOf(source: Request | HasRequest | NodeRequest): Readonly<EcContext> | undefined {
  return (("req" in source ? source.req.raw : source) as Request as Accompanied)[CONTEXT];
}

/** Gives a request what belongs to the one that it replaces. */
export function replaceRequest(before: Request, after: Request): void {
  const context = (before as Accompanied)[CONTEXT];
  if (context !== undefined) (after as Accompanied)[CONTEXT] = context;
}

/** Puts a service together. Opens nothing and starts nothing by itself. */
export function createService(given: Parts): Service {
  const { config, hotPath, limiter, clock, random, log, metrics } = given;
  describeMetrics(metrics);
  // Not by the clock: that one counts whole milliseconds, and may be set back.
  const store = meteredStore(given.store, metrics, () => performance.now());
  const parts = { ...given, store };
  // Of everything that is counted in the hot path's windows: no correction of the clock opens or shuts one.
  const time = windowTime(clock);
  const identity = createIdentity(hotPath, config.passphrases);
  const graph = createGraph(store, clock, random);
  const mayAdopt = createAdoption(identity, limiter);
  const mayEnd = createMayEnd(identity, graph, limiter);
  const monotonic = monotonicClock(clock);
  const logOnce = countFaults(createLogOnce(log, monotonic, LOG_ONCE_MS), metrics);
  const policy = policyOf(config);
  const encoder = new TextEncoder();
  const sha256Hex = (text: string) => toHex(hotPath.sha256(encoder.encode(text)));
  const registry = createRegistry({
    ...parts,
    clock: monotonic,
    configured: sealPartners(config, sha256Hex),
    rules: { allowInsecure: config.allowInsecurePartners },
    sha256Hex,
    log: logOnce,
  });
  const pullSync = createPullSync({
    ...parts,
    fetch: parts.fetchPublic,
    log: faultsOnce(log, logOnce),
    graph,
    registry,
    time,
    // Those that the engine has, and those that are being handed to it.
    maxRuns: 2 * config.sync.maxQueued,
    allowInsecure: config.allowInsecurePartners,
  });
  const { maxConcurrentPerDomain, maxPerMinutePerDomain, maxQueued } = config.sync;
  const engine = new SyncEngine({
    ...parts,
    ...syncParts(parts, logOnce),
    context: pullSync.context,
    limits: { maxConcurrent: maxConcurrentPerDomain, maxPerMinute: maxPerMinutePerDomain },
    limitsFor: pullSync.limitsFor,
    mainPathConcurrency: config.pullSyncConcurrency,
    maxQueued,
    ...PULL_TIMEOUTS,
    ownHosts: [config.publisher.domain],
  });
  if (parts.livesBetweenRequests) engine.start();

  function dropQueued(id: string): void {
    pullSync.end(id);
    engine.drop(id);
  }

  const evidenceIn = ({ consent }: EcContext) => evidenceOf(consent.signals, sha256Hex);
  const newEntryFor = (context: EcContext) =>
    newEntry(context.consent, evidenceIn(context), toSeconds(context.nowMs));

  /** A table was found full: no room for what a take should have counted. */
  const fullAtMs = new Map<string, number>();
  function foundFull(table: string): void {
    fullAtMs.set(table, time());
    metrics.count("window_table_full_total", { table });
    logOnce.warn(`table ${table}`, "a table is full; the operator guide says what that means", { table });
  }
  limiter.watch?.(foundFull);

  /** Looks an id up that is not of the sender's address; unknown ones only so often for one address. */
  async function isKnownStranger(id: string, { client }: EcContext): Promise<boolean> {
    const key = `strangers-of:${client.ip}`;
    const { limit, windowMs } = STRANGERS;
    if (!hotPath.peek(key, time(), windowMs, limit).admitted) return false;
    if ((await graph.get(id)) !== null) return true;
    hotPath.take(key, time(), windowMs, limit);
    return false;
  }

  function hasStanding(id: string, context: EcContext): boolean | Promise<boolean> {
    const { ip } = context.client;
    return (ip !== null && identity.isOfAddress(id, ip)) || isKnownStranger(id, context);
  }

  const services: Services = {
    ...parts,
    startedMs: clock.now(),
    identity,
    graph,
    mayAdopt,
    mayEnd,
    logOnce,
    registry,
    policy,
    sha256Hex,
    newEntryFor,
    operator: { tokenHash: () => config.operator.tokenHash, hotPath, sha256Hex, boundTo: given.boundTo },
    dropQueued,
    inspectSync: () => engine.inspect(),
    readiness: createReadiness({
      ...parts,
      nameInstance: () => instanceName(random),
    }),
    hasStanding,
    tables: () => [{ table: "seen", ...hotPath.stats() }, ...(limiter.tables?.() ?? [])],
    fullTables: () =>
      [...fullAtMs].filter(([, atMs]) => time() - atMs < FULL_TOLD_MS).map(([table]) => table),
    pullsRemembered: pullSync.size,
    inTurn: parts.livesBetweenRequests ? createInTurn() : atOnce,
  };
  let app: App | undefined;
  async function loaded(): Promise<App> {
    const { createApp } = await given.loadApp();
    app ??= createApp(services);
    return app;
  }
  const ownAnswer: App = (...args) => (app ? app(...args) : loaded().then((answer) => answer(...args)));
  const settings = { identity, policy, readEcHeader: config.readEcHeader };
  const domain = config.publisher.domain;
  const pending = new Set<Promise<unknown>>();
  const requestsOf = counters((route: RouteKind, branch: Finalization["branch"]) =>
    metrics.counter("ec_requests_total", { route, branch }),
  );
  const consentOf = counters((jurisdiction: Jurisdiction, allowed: boolean) =>
    metrics.counter("ec_consent_total", { jurisdiction, allowed: String(allowed) }),
  );

  /** Hands work to the host, and remembers it for {@link Service.close}. Whoever began it hears of its failure. */
  function keep(background: Background, work: Promise<unknown>): void {
    const safe = work.catch(() => {}).finally(() => pending.delete(safe));
    pending.add(safe);
    background.waitUntil(safe);
  }

  /** The same for work that nobody waits for: its failure is logged. */
  function inBackground(background: Background, what: string, work: Promise<unknown>): void {
    keep(
      background,
      work.catch((error) => logOnce.error(what, `${what} failed`, { error })),
    );
  }

  /** A write that the response waits for, but not long and never at the page's expense. */
  async function inForeground(background: Background, what: string, work: Promise<unknown>): Promise<void> {
    inBackground(background, what, work);
    await settlesWithin(work, STORE_PATIENCE_MS, clock).catch(() => {});
  }

  // The id itself is the key: no other kind of key has its form, and nothing has to be put together.
  const seenKey = (id: string) => id;
  const seenWindowMs = LAST_SEEN_DEBOUNCE_SECONDS * 1000;

  /**
   * Whether a visit is told to the graph; if it is, the next ones for a while are not. Nor is it where one client sends ever
   * new ids, or where there is no room to remember another.
   */
  function isUnseen(id: string, { client }: EcContext): boolean {
    const nowMs = time();
    // Asked with a limit of two, a full table refuses and an id that was seen does not.
    const known = hotPath.peek(seenKey(id), nowMs, seenWindowMs, 2);
    if (!known.admitted) foundFull("seen");
    if (!known.admitted || known.remaining < 2) return false;
    if (!hotPath.take(`seen-by:${client.ip}`, nowMs, seenWindowMs, SEEN_PER_CLIENT).admitted) return false;
    return hotPath.take(seenKey(id), nowMs, seenWindowMs, 1).admitted;
  }

  /** What a visit with a known or adoptable id leaves in the graph. */
  async function touch(id: string, context: EcContext): Promise<void> {
    const stored = await graph.getOrMark(id);
    if (stored === null) {
      if (await mayAdopt(id, context)) await graph.createOrRevive(id, newEntryFor(context));
    } else if (isTombstone(stored)) {
      if (!isDeletionMark(stored)) await graph.createOrRevive(id, newEntryFor(context));
    } else {
      await graph.updateLastSeen(id, context.nowMs, evidenceIn(context));
    }
  }

  /** The cookie goes whatever comes of this. */
  async function withdraw(id: string, context: EcContext): Promise<void> {
    const { outcome } = await mayEnd(id, context);
    if (outcome === "refused") metrics.count("ec_endings_refused_total", { what: "withdrawal" });
    if (outcome !== "may") return;
    dropQueued(id);
    // A visitor who consents again is to be seen again at once.
    hotPath.forget(seenKey(id));
    await graph.tombstone(id, () => mayAdopt(id, context));
  }

  /** How many visits of an id are at asking partners now. */
  const pulls = new Map<string, number>();

  /** Asks the partners that are due, or has them asked as soon as their domains have room. */
  async function pull(context: EcContext): Promise<void> {
    const id = context.activeId!;
    pulls.set(id, (pulls.get(id) ?? 0) + 1);
    try {
      if (await pullSync.begin(context)) await askNow(id);
    } finally {
      const others = pulls.get(id)! - 1;
      if (others > 0) pulls.set(id, others);
      else pulls.delete(id);
      // What neither the engine has nor another visit is at is forgotten: the visitor's next page begins again.
      if (others === 0 && parts.livesBetweenRequests && !engine.has(id)) pullSync.forget(id);
    }
  }

  async function askNow(id: string): Promise<void> {
    const cancel = parts.livesBetweenRequests
      ? () => {}
      : clock.after(PULLS_BEGIN_WITHIN_MS, () => pullSync.end(id));
    const result = await engine.tryNow(id);
    cancel();
    if (result !== "throttled" || !parts.livesBetweenRequests) return;
    if (engine.enqueue(id, DELAYS_MS.immediate).admitted) pullSync.leaveToEngine(id);
  }

  /**
   * What may wait until after the response; `null`: nothing. A visit counts on every route; only organic requests pull.
   */
  function afterResponse(end: Finalization, { context, route }: Visit): Promise<void> | null {
    if (end.branch !== "returning" && end.branch !== "new") return null;
    const { id } = end;
    const touches = end.branch === "returning" && isUnseen(id, context);
    const pulls = route === "organic" && pullSync.mayBegin(context);
    if (!touches && !pulls) return null;
    return (async () => {
      if (touches) await touch(id, context);
      if (pulls) await pull(context);
    })();
  }

  /** What has to be in the graph before the response; `null`: nothing. */
  function record(end: Finalization, { context, background }: Visit): Promise<unknown> | null {
    if (end.branch === "new") {
      isUnseen(end.id, context);
      const work = graph.createOrRevive(end.id, newEntryFor(context));
      return inForeground(background, "creating a graph entry", work);
    }
    if (end.branch !== "withdrawal" || end.tombstones.length === 0) return null;
    return Promise.all(
      end.tombstones.map((id) => inForeground(background, "writing a tombstone", withdraw(id, context))),
    );
  }

  /** How many ids one address may have in an hour. */
  const mints = { limit: config.mintPerAddressPerHour, windowMs: HOUR_MS, family: "addresses" } as const;

  /** Mints an id for a page's visitor who needs one; waits only where the limiter is elsewhere, and not long. */
  function mint(context: EcContext, request: RequestHead): void | Promise<void> {
    try {
      const need = mintNeed(context);
      if (need === "not_allowed" || need === "not_needed" || !isPageVisit(request)) return;
      if (need === "no_address") {
        metrics.count("ec_no_address_total");
        logOnce.warn("no address", "no EC id: the client's address is not known; is client.ipHeader right?");
        return;
      }
      const id = identity.mint(context.client.ip!);
      const taken = limiter.take(`ec:mint:${ecHash(id)}`, mints);
      if (!isPending(taken)) return minted(context, id, taken.admitted);
      return valueWithin(taken, STORE_PATIENCE_MS, clock).then(
        ({ admitted }) => minted(context, id, admitted),
        (error) => {
          logOnce.error("mint limiter", "ids are minted without a limit: the limiter does not answer", {
            error,
          });
          minted(context, id, true);
        },
      );
    } catch (error) {
      logOnce.error("minting", "minting failed", { error });
    }
  }

  function minted(context: EcContext, id: string, mayBe: boolean): void {
    if (!mayBe) {
      metrics.count("ec_mint_refused_total");
      logOnce.warn("mint limit", "no EC id: the client's address has had as many as it may have in an hour", {
        mintPerAddressPerHour: mints.limit,
      });
      return;
    }
    takeMinted(context, id);
    metrics.count("ec_minted_total");
    log.debug("minted an EC id", { ec: shortId(id) });
  }

  function begin(request: RequestHead, route: RouteKind, client: Client, background: Background): Visit {
    const context = readContext(request.headers, client, clock.now(), settings);
    if (registry.isDue()) inBackground(background, "reading the partners", registry.refresh());
    const minting = route === "organic" ? mint(context, request) : undefined;
    return { context, background, route, minting: isPending(minting) ? minting : null };
  }

  function giveUp({ route }: Visit): void {
    metrics.count("ec_server_errors_total", { route });
  }

  function end(visit: Visit, status: number): HeaderChange | null | Promise<HeaderChange | null> {
    const { minting } = visit;
    return minting === null ? endNow(visit, status) : minting.then(() => endNow(visit, status));
  }

  function endNow(visit: Visit, status: number): HeaderChange | null | Promise<HeaderChange | null> {
    const { context, route } = visit;
    if (status >= 500) giveUp(visit);
    const finalization = decideFinalization(context);
    requestsOf(route, finalization.branch).add();
    // Who calls the API is a partner's server or an operator.
    if (route !== "api") consentOf(context.consent.jurisdiction, allowsEcCreation(context.consent)).add();
    const recorded = record(finalization, visit);
    return recorded === null ? leave(visit, finalization) : recorded.then(() => leave(visit, finalization));
  }

  /** Lets what remains to be done go on behind the answer. */
  function leave(visit: Visit, finalization: Finalization): HeaderChange | null {
    const work = afterResponse(finalization, visit);
    if (work !== null) inBackground(visit.background, "work after a response", work);
    return headerChange(finalization, domain);
  }

  function finish(visit: Visit, response: Response): Response | Promise<Response> {
    const change = end(visit, response.status);
    return isPending(change)
      ? change.then((known) => changedResponse(response, known))
      : changedResponse(response, change);
  }

  /** Counts an answer that went wrong, and passes the error on. */
  function failed(visit: Visit, error: unknown): never {
    giveUp(visit);
    throw error;
  }

  return {
    services,
    begin,
    end,
    giveUp,
    respond(request, client, background, handle) {
      const visit = begin(request, routeKind(request.url), client, background);
      const { context, route, minting } = visit;
      (request as Accompanied)[CONTEXT] = context;
      let answer: Response | Promise<Response>;
      try {
        answer =
          route !== "organic"
            ? ownAnswer(request, { context, keep: (work) => keep(background, work) })
            : minting === null
              ? handle()
              : minting.then(handle);
      } catch (error) {
        failed(visit, error);
      }
      if (!isPending(answer)) return finish(visit, answer);
      return answer.then(
        (response) => finish(visit, response),
        (error) => failed(visit, error),
      );
    },
    async close() {
      await engine.stop(CLOSE_PATIENCE_MS);
      await settlesWithin(Promise.allSettled([...pending]), BACKGROUND_PATIENCE_MS, clock);
      logOnce.flush();
      await limiter.close?.();
      await store.close();
    },
  };
}

function policyOf({ consent }: Config): ConsentPolicy {
  return {
    gdprCountries: new Set(consent.gdprCountries),
    usStates: new Set(consent.usStates),
    maxAgeDays: consent.maxAgeDays,
    assumeCountry: consent.assumeCountry,
    withdrawal: consent.withdrawal,
  };
}

/** Counters by two labels, found without making anything; each begins to exist when it is first asked for. */
function counters<A, B>(create: (a: A, b: B) => Counter): (a: A, b: B) => Counter {
  const byBoth = new Map<A, Map<B, Counter>>();
  const add = (a: A, b: B): Counter => {
    const counter = create(a, b);
    byBoth.set(a, new Map(byBoth.get(a)).set(b, counter));
    return counter;
  };
  return (a, b) => byBoth.get(a)?.get(b) ?? add(a, b);
}
