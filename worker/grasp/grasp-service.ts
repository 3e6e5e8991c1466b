/**
 * GRASP as one of the services of a millrace process: a Nostr relay and a Git server on one address.
 * @module
 */
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { SLOT_LIMITS } from "../../runtime/grasp/git/slots.ts";
import { Grasp } from "../../runtime/grasp/grasp.ts";
import type { GraspHappening } from "../../runtime/grasp/happenings.ts";
import { GRASP_REDACTION } from "../../runtime/grasp/log-lines.ts";
import { DESCRIPTIONS } from "../../runtime/grasp/metrics.ts";
import { toNpub } from "../../runtime/grasp/npub.ts";
import { DEADLINES_MS } from "../../runtime/grasp/purgatory/deadlines.ts";
import { monotonicClock } from "../../runtime/sync/index.ts";
import { changedFields } from "../config/changed-fields.ts";
import type { NodeExchange } from "../http/fetch-listener.ts";
import { StartError } from "../serve/start-error.ts";
import type { RunningService, ServiceModule, Shared } from "../service.ts";
import { checkoutCommit, VERSION } from "./build.ts";
import { backup } from "./commands/backup.ts";
import { publish } from "./commands/publish.ts";
import {
  eventLimits,
  type GraspSection,
  graspSection,
  loopbackFault,
  metricsPlace,
  relayLimits,
} from "./config.ts";
import { createDigests } from "./digests.ts";
import { Disk } from "./disk.ts";
import { dryRunHandler } from "./dry-run.ts";
import { AnswerCache } from "./git/answer-cache.ts";
import { exchangeOf } from "./git/exchange.ts";
import { gitHttp } from "./git/git-http.ts";
import { GitPool } from "./git/pool.ts";
import { Health } from "./health.ts";
import { iconFault, readIcon } from "./icon.ts";
import { OperatorLists } from "./lists.ts";
import { Maintenance } from "./maintenance.ts";
import { Observer } from "./observe.ts";
import { FactGatherer } from "./pages/repository-facts.ts";
import { runPurgatorySync } from "./purgatory-sync.ts";
import { relaySocket } from "./relay-socket.ts";
import { DiskRepositories, makeDataFolders } from "./repositories.ts";
import { isGood, SignatureChecks } from "./signatures/signature-checks.ts";
import { CORS, Site } from "./site.ts";
import { lockData } from "./start/data-lock.ts";
import { checkDatabase } from "./start/database.ts";
import { foldsNames } from "./start/folds-names.ts";
import { gitVersion } from "./start/git-version.ts";
import { serveMetrics } from "./start/metrics-server.ts";
import { readRelayKey } from "./start/relay-key.ts";
import { startingSection } from "./starting-section.ts";
import { sqliteEventStore } from "./store/event-store.ts";

/** How long pushes under way may take when the service stops, in milliseconds (O21). */
const PUSH_GRACE_MS = 60_000;
/** Repositories that are maintained at the same time: one for each 4 cores (O22). */
const MAINTAINED_AT_ONCE = Math.max(1, Math.floor(availableParallelism() / 4));
/** Fields that a running service takes over. */
const RELOADABLE: readonly string[] = [
  "deny",
  "allow",
  "quota",
  "minFreeBytes",
  "operatorPubkey",
  "name",
  "description",
];

export const graspService: ServiceModule<GraspSection> = {
  ...graspSection,
  metrics: DESCRIPTIONS,
  redact: GRASP_REDACTION,
  listen: ({ listen }) => listen,
  hosts: ({ domain, aliases }) => [domain, ...aliases],
  commands: { "grasp publish": publish, "grasp backup": backup },
  servingFaults: (section, listen) => {
    const fault = iconFault(section.icon);
    return [...(fault === null ? [] : [fault]), ...loopbackFault(section, listen)];
  },
  create,
  starting: startingSection,
  demonstration: {
    unless: ["domain"],
    start: async (entry, env) => (await import("./demo/main.ts")).startDemo(graspService, entry, env),
  },
};

async function create(shared: Shared, section: GraspSection): Promise<RunningService> {
  const version = await gitVersion();
  const lock = lockData(makeDirectory(section.dataDirectory));
  try {
    return await start(shared, section, { version, release: lock.release });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** @throws {StartError} if the directory cannot be made. */
function makeDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (cause) {
    throw new StartError(`cannot make the data directory ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Starts in the order of P31: the lock is ours already. */
async function start(
  { entry, metrics, log, client, socketClient, config }: Shared,
  section: GraspSection,
  git: { readonly version: string; release(): void },
): Promise<RunningService> {
  const { clock, random } = entry.host;
  const folders = await makeDataFolders(section.dataDirectory);
  const databasePath = join(section.dataDirectory, "grasp.db");
  checkDatabase(databasePath);
  const relayKey = readRelayKey(section.relayKey, join(section.dataDirectory, "relay.key"), random);
  const lists = new OperatorLists(section, relayKey.publicKey);
  const store = sqliteEventStore({ path: databasePath, clock });
  const { sha256, sha256Hex } = createDigests(entry.host);
  const pool = new GitPool({ clock, limits: { ...SLOT_LIMITS, maintenance: MAINTAINED_AT_ONCE } });
  const repositories = new DiskRepositories(folders, pool, (owner, identifier) => {
    metrics.count("grasp_symbolic_links_total");
    log.warn("a symbolic link is in place of a repository; it is not served", {
      npub: toNpub(owner),
      identifier,
    });
  });
  // Deadlines are not moved by corrections of the host's clock (P25); the dates of events are compared with it (R9).
  const steady = monotonicClock(clock);
  const nowMs = () => steady.now();
  const nowSeconds = () => Math.floor(clock.now() / 1000);
  const commit = await checkoutCommit();
  const build = { version: VERSION, commit, git: git.version, runtime: entry.host.name };
  const observer = new Observer({ metrics, log, nowMs, build, databasePath, socketClient });
  let current = section;
  const disk = new Disk({
    git: folders.git,
    clock,
    limits: () => ({ minFreeBytes: current.minFreeBytes, ...current.quota }),
  });
  const signatures = new SignatureChecks({ isGood: observer.timed(isGood) });
  const ourselves = { hosts: [section.domain, ...section.aliases], basePath: section.basePath };
  const grasp = new Grasp({
    store,
    repositories,
    room: disk,
    ourselves,
    lists,
    foldsNames: foldsNames(folders.git),
    eventLimits: eventLimits(section),
    nowMs,
    nowSeconds,
    sha256Hex,
    verify: (event) => signatures.check(event),
  });
  const { relay, hooks, stop } = relaySocket({
    grasp,
    store,
    ourselves,
    clock,
    random,
    nowMs,
    nowSeconds,
    sha256,
    limits: relayLimits(section),
    maxMessageBytes: section.limits.messageBytes,
  });
  observer.watch(grasp);
  grasp.onHappening((happening) => {
    if (happening.kind === "served") relay.broadcast(happening.event);
    if (changesSize(happening)) disk.measure(happening.owner, happening.identifier).catch(() => {});
  });
  const { orphans, healed } = await grasp.start();
  for (const { owner, identifier } of orphans)
    log.warn("a repository with refs has no announcement; it is kept", { owner, identifier });
  for (const { owner, identifier, files } of healed)
    log.warn("a repository was damaged by a crash, and is healed", { owner, identifier, files });
  async function removeDenied(): Promise<void> {
    for (const { owner, identifier } of await grasp.removeDenied())
      log.warn("a denied repository is not served any more; its data are held", { owner, identifier });
  }
  await removeDenied();
  const host = entry.host;
  const purgatorySync = runPurgatorySync({
    ...{ host, section, folders, grasp, store, repositories, room: disk, pool, log, metrics, steady },
  });

  const place = metricsPlace(section);
  const cache = new AnswerCache(folders.cache, pool);
  const readMetrics = () => observer.answer({ grasp, disk, pool, cache, relay });
  const site = new Site({
    facts: new FactGatherer({
      grasp,
      repositories,
      home: folders.home,
      nowMs,
      address: section.domain + section.basePath,
      asked: (identifier) => purgatorySync.sync.asked(identifier),
      repaired: (owner, identifier) => purgatorySync.repairs.of(owner, identifier),
    }),
    nowSeconds,
    build,
    section: () => current,
    health: new Health({ store, dataDirectory: section.dataDirectory, clock }),
    git: gitHttp({
      grasp,
      store,
      repositories,
      room: disk,
      pool,
      cache,
      clock: steady,
      log,
      passed: entry.host.passed,
      home: folders.home,
    }),
    dryRun: dryRunHandler({ grasp, clock: steady, nowMs, maxMessageBytes: section.limits.messageBytes }),
    log,
    metrics: place === "public" ? readMetrics : null,
    icon: readIcon(section.icon),
  });
  const metricsServer = typeof place === "string" ? null : await serveMetrics(entry, place, readMetrics, log);

  let stopSweeping = () => {};
  const sweep = () => {
    stopSweeping = clock.after(DEADLINES_MS.sweep, sweep);
    grasp.sweep().catch((error) => log.error("purgatory could not be swept", { error }));
  };
  sweep();
  disk.measureAll().catch((error) => log.error("the repositories could not be measured", { error }));
  const maintenance = new Maintenance({
    ...{ grasp, repositories, folders, pool, disk, clock: steady, log, metrics },
    atOnce: MAINTAINED_AT_ONCE,
  });
  maintenance.start();
  site.ready();

  return {
    handler(request: Request, exchange: NodeExchange) {
      observer.request(request, exchange);
      return site.answer(request, exchangeOf(client(request, [exchange]).ip, [exchange]));
    },
    // Git's clients may be silent before a pack (A48); bodies have limits of their own.
    uploadIdleMs: 0,
    refusalHeaders: CORS,
    socket: observer.sockets(hooks),
    facts: { git: git.version, ...(metricsServer === null ? {} : { metrics: metricsServer.url }) },
    reload(next, shared) {
      const fields = next as GraspSection;
      const changed = changedFields(section, fields).filter((field) => !isReloadable(field));
      lists.take(fields);
      removeDenied().catch((error) => log.error("denied repositories could not be removed", { error }));
      const { deny, allow, quota, minFreeBytes, operatorPubkey, name, description } = fields;
      current = { ...current, deny, allow, quota, minFreeBytes, operatorPubkey, name, description };
      return [
        ...changed.map((field) => `grasp.${field}`),
        ...changedFields(config.client, shared.client, "client"),
      ];
    },
    status: () => ({
      connections: relay.connections,
      waiting: {
        announcements: grasp.purgatory.size("announcement"),
        states: grasp.purgatory.size("state"),
        pullRequests: grasp.purgatory.size("pr"),
      },
    }),
    graceMs: () => (observer.pushes > 0 ? PUSH_GRACE_MS : 0),
    stopping() {
      site.stopping();
      relay.closeAll();
      // Fetches end while requests do.
      purgatorySync.close().catch(() => {});
    },
    async close() {
      stopSweeping();
      await Promise.all([purgatorySync.close(), maintenance.stop()]);
      stop();
      await signatures.close();
      await metricsServer?.close(0);
      await store.close();
      git.release();
    },
  };
}

function isReloadable(field: string): boolean {
  return RELOADABLE.some((name) => field === name || field.startsWith(`${name}.`));
}

/** Whether a repository's size is another one now. */
function changesSize(
  happening: GraspHappening,
): happening is Extract<GraspHappening, { readonly owner: string; readonly identifier: string }> {
  const { kind } = happening;
  return (
    kind === "aligned" ||
    kind === "push-judged" ||
    kind === "repository-created" ||
    kind === "repository-deleted"
  );
}
