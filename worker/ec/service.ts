/**
 * One Edge Cookie service: the parts put together for one configuration on one host.
 * @module
 */
import { FullTables } from "../../runtime/ec/full-tables.ts";
import { createAdoption } from "../../runtime/ec/graph/adoption.ts";
import { createMayEnd } from "../../runtime/ec/graph/ending.ts";
import { createGraph } from "../../runtime/ec/graph/graph.ts";
import { VisitWriter } from "../../runtime/ec/graph/visit-writer.ts";
import { createIdentity } from "../../runtime/ec/id.ts";
import { Minter } from "../../runtime/ec/minting.ts";
import { PageIds } from "../../runtime/ec/partners/page-ids.ts";
import { createMayShare } from "../../runtime/ec/partners/partner-consent.ts";
import { createRegistry } from "../../runtime/ec/partners/registry.ts";
import { normaliseIp } from "../../runtime/ec/request/ip.ts";
import { SeenLately } from "../../runtime/ec/seen-lately.ts";
import { createStanding } from "../../runtime/ec/standing.ts";
import { CLOSE_TIMEOUTS_MS } from "../../runtime/ec/timeouts.ts";
import { toHex } from "../../runtime/lib/hex.ts";
import { countFaults } from "../../runtime/observe/count-faults.ts";
import { createLogOnce } from "../../runtime/observe/log.ts";
import { meteredStore } from "../../runtime/observe/metered-store.ts";
import { monotonicClock } from "../../runtime/sync/index.ts";
import { windowTime } from "../../wasm/hotpath.ts";
import { createReadiness } from "../http/readiness.ts";
import { atOnce, createInTurn } from "../http/turns.ts";
import { WrongTokens } from "../http/wrong-tokens.ts";
import { BackgroundWork } from "./background-work.ts";
import { sealPartners } from "./config.ts";
import { createPulls } from "./pulls.ts";
import { attachVisit } from "./request-context.ts";
import { routeKind } from "./route-kind.ts";
import type { App, Dependencies, LoadApp, Service, Services } from "./services.ts";
import { Settings } from "./settings.ts";
import { instanceName } from "./sync-parts.ts";
import { Visit, type VisitDependencies } from "./visit.ts";
import { VisitCounters } from "./visit-counters.ts";

/** A fault that repeats is logged once in this time, with a count, in milliseconds. */
const LOG_ONCE_MS = 60_000;

/** Creates a service. Opens nothing and starts no request by itself. */
export function createService(dependencies: Dependencies): Service {
  const { config, hotPath, limiter, clock, random, fetchPublic, livesBetweenRequests, log, metrics, tracer } =
    dependencies;
  // Not by the clock: it counts whole milliseconds, and may be set back.
  const stopwatch = () => performance.now();
  const store = meteredStore(dependencies.store, metrics, stopwatch);
  // The time of all windows. A correction of the system clock opens or closes none.
  const time = windowTime(clock);
  const monotonic = monotonicClock(clock);
  const logOnce = countFaults(createLogOnce(log, monotonic, LOG_ONCE_MS), metrics);
  const encoder = new TextEncoder();
  const sha256Hex = (text: string) => toHex(hotPath.sha256(encoder.encode(text)));

  const identity = createIdentity(hotPath, config.passphrases);
  const settings = new Settings(config, identity);
  const graph = createGraph(store, clock, random);
  const mayAdopt = createAdoption(identity, limiter);
  const mayEnd = createMayEnd(identity, graph, limiter);
  const registry = createRegistry({
    configured: sealPartners(config, sha256Hex),
    rules: { allowInsecure: config.allowInsecurePartners },
    store,
    clock: monotonic,
    random,
    hotPath,
    sha256Hex,
    log: logOnce,
  });
  const mayShare = createMayShare(settings, registry);
  const {
    pullSync,
    engine,
    driver: pulls,
  } = createPulls({
    ...{ config, store, limiter, hotPath, clock, random, fetchPublic, livesBetweenRequests, log, metrics },
    ...{ tracer, graph, registry, mayShare, logOnce, time },
    workers: dependencies.workers,
  });

  const fullTables = new FullTables(time, metrics, logOnce);
  limiter.watch?.((table) => fullTables.found(table));
  const seenLately = new SeenLately({ hotPath, time, onFull: () => fullTables.found("seen") });
  const writer = new VisitWriter({
    graph,
    mayAdopt,
    mayEnd,
    metrics,
    sha256Hex,
    onWithdrawal(id) {
      pulls.drop(id);
      // Renewed consent is recorded at once.
      seenLately.forget(id);
    },
  });
  const pageIds = new PageIds({ graph, registry, mayShare, hotPath, metrics, time });
  const mintPerAddressPerHour = () => settings.mintPerAddressPerHour;
  const minter = new Minter({ identity, limiter, clock, log, logOnce, metrics, mintPerAddressPerHour });
  const work = new BackgroundWork(clock, logOnce);
  const counters = new VisitCounters(metrics, log, stopwatch);
  const visits: VisitDependencies = {
    ...{ settings, clock, registry, minter, writer, seenLately, pageIds, pulls, work, counters },
  };

  const services: Services = {
    ...dependencies,
    store,
    startedMs: clock.now(),
    instance: instanceName(random).slice(0, 8),
    ...{ identity, graph, mayAdopt, mayEnd, mayShare, logOnce, registry, settings, sha256Hex },
    hasStanding: createStanding({ identity, graph, hotPath, time }),
    newEntryFor: (context) => writer.newEntry(context),
    operator: {
      tokenHash: () => settings.operatorTokenHash,
      hotPath,
      sha256Hex,
      readOnlyTokenHash: () => settings.readOnlyTokenHash,
      boundTo: dependencies.boundTo,
      wrongTokens: new WrongTokens(() => monotonic.now()),
      // By network for IPv6: a client has a whole /64.
      addressOf: ({ context }: Visit) => normaliseIp(context.client.ip ?? "") ?? "",
      onRefusal(reason) {
        metrics.count("millrace_operator_refusals_total", { reason });
        if (reason === "wrong") logOnce.warn("operator token", "a wrong operator token was sent");
      },
    },
    dropQueued: (id) => pulls.drop(id),
    inspectSync: () => engine.inspect(),
    readiness: createReadiness({
      ...{ store, limiter, clock, livesBetweenRequests },
      nameInstance: () => instanceName(random),
    }),
    tables: () => [{ table: "seen", ...hotPath.stats() }, ...(limiter.tables?.() ?? [])],
    fullTables: () => fullTables.names(),
    pullsRemembered: pullSync.size,
    inTurn: livesBetweenRequests ? createInTurn() : atOnce,
  };
  metrics.onRead(() => {
    for (const { table, keys, maxKeys, refusedFull } of services.tables()) {
      metrics.gauge("millrace_window_keys", keys, { table });
      metrics.gauge("millrace_window_max_keys", maxKeys, { table });
      metrics.gauge("millrace_window_takes_refused_full", refusedFull, { table });
    }
  });
  const handleRoute = lazyApp(dependencies.loadApp, services);

  return {
    services,
    begin: (request, route, client, background) => new Visit(visits, request, route, client, background),
    respond(request, client, background, handler, headers = request.headers) {
      const route = routeKind(request.url);
      const visit = new Visit(visits, { method: request.method, headers }, route, client, background);
      attachVisit(request, visit);
      return visit.respond(route === "organic" ? handler : () => handleRoute(request, visit));
    },
    async close() {
      await engine.stop(CLOSE_TIMEOUTS_MS.pulls);
      await work.settled(CLOSE_TIMEOUTS_MS.background);
      logOnce.flush();
      await limiter.close?.();
      await store.close();
    },
  };
}

/** The service's own routes, loaded by the first request for one of them. */
function lazyApp(loadApp: LoadApp, services: Services): App {
  let app: App | undefined;
  return (request, visit) => {
    if (app !== undefined) return app(request, visit);
    return loadApp().then(({ createApp }) => {
      app ??= createApp(services);
      return app(request, visit);
    });
  };
}
