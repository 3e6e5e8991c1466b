/**
 * Starts a read replica: a process that answers reads from a data directory on which another process writes. It has none of what
 * decides or changes anything: no purgatory of its own, no sync, no repair, no maintenance, no administration.
 * @module
 */
import { join } from "node:path";
import { SLOT_LIMITS } from "../../../runtime/grasp/git/slots.ts";
import { Known } from "../../../runtime/grasp/known.ts";
import { eventRefusal } from "../../../runtime/grasp/replica/refusals.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { monotonicClock } from "../../../runtime/sync/index.ts";
import type { Shared } from "../../service.ts";
import { VERSION } from "../../version.ts";
import { checkoutCommit } from "../build.ts";
import { type GraspSection, metricsPlace, relayLimits } from "../config.ts";
import { createDigests } from "../digests.ts";
import { AnswerCache } from "../git/answer-cache.ts";
import { GitPool } from "../git/pool.ts";
import { WatchedRefs } from "../git/watched-refs.ts";
import { OperatorLists } from "../lists.ts";
import { Observer } from "../observe.ts";
import { relaySocket } from "../relay-socket.ts";
import { DiskRepositories } from "../repositories.ts";
import { Settings } from "../settings.ts";
import { gitVersion } from "../start/git-version.ts";
import { serveOperator } from "../start/operator-server.ts";
import { metricsAnswer } from "./metrics-answer.ts";
import { makeReplicaFolders, type ReplicaFolders } from "./replica-folders.ts";
import { openReplicaSite } from "./replica-site.ts";
import { openReplicaStore, type ReplicaStore } from "./replica-store.ts";
import { RunningReplica } from "./running-replica.ts";

/** @throws {StartError} saying what cannot be opened: the process that writes must have started before. */
export async function startReplica(shared: Shared, section: GraspSection): Promise<RunningReplica> {
  const git = await gitVersion();
  const { clock } = shared.entry.host;
  const steady = monotonicClock(clock);
  const store = openReplicaStore({
    path: join(section.dataDirectory, "grasp.db"),
    nowSeconds: () => Math.floor(clock.now() / 1000),
    nowMs: () => steady.now(),
  });
  let own: ReplicaFolders | undefined;
  try {
    own = await makeReplicaFolders(section.dataDirectory);
    return await serve(shared, section, { git, store, own, steady });
  } catch (error) {
    store.close();
    await own?.remove();
    throw error;
  }
}

/** What is open already. */
interface Opened {
  readonly git: string;
  readonly store: ReplicaStore;
  readonly own: ReplicaFolders;
  readonly steady: Clock;
}

async function serve(
  shared: Shared,
  section: GraspSection,
  { git, store, own, steady }: Opened,
): Promise<RunningReplica> {
  const { metrics, log, socketClient } = shared;
  const { host } = shared.entry;
  const { clock } = host;
  const { folders } = own;
  const nowMs = () => steady.now();
  const nowSeconds = () => Math.floor(clock.now() / 1000);
  const build = { version: VERSION, commit: await checkoutCommit(), git, runtime: host.name };
  const pool = new GitPool({ clock, limits: SLOT_LIMITS });
  const repositories = new DiskRepositories(
    ...([folders, pool, () => {}] as const),
    (owner, identifier) => (path, run) =>
      new WatchedRefs(path, run, { owner, identifier, writer: store, clock }),
  );
  const ourselves = { hosts: [section.domain, ...section.aliases], basePath: section.basePath };
  const lists = new OperatorLists(section, null);
  const known = new Known({
    ...{ store, ourselves, lists, purgatory: store.waiting, now: nowSeconds },
    takesPrs: section.prs.enabled,
    hasRepository: (owner, identifier) => repositories.open(owner, identifier) !== null,
  });
  const digests = createDigests(host);
  const { relay, hooks, stop } = relaySocket({
    ...{ store, ourselves, clock, nowMs, nowSeconds },
    grasp: {
      submit: async (event) => ({ id: idOf(event), ok: false, text: eventRefusal(section) }),
      // Only an event that it would take makes a relay ask for that (R13).
      genuine: async () => ({ fault: "no challenge was sent" }),
    },
    random: host.random,
    sha256: digests.sha256,
    limits: relayLimits(section),
    maxMessageBytes: section.limits.messageBytes,
  });
  store.onServed = (event) => relay.broadcast(event);
  const databasePath = join(section.dataDirectory, "grasp.db");
  const observer = new Observer({ metrics, log, nowMs, build, databasePath, socketClient });
  const cache = new AnswerCache(folders.cache, pool);
  const settings = new Settings(section, shared.config.operator);
  const readMetrics = () => observer.sampleServing({ pool, cache, relay });
  const operator = (basePath: string) => metricsAnswer(basePath, readMetrics, shared);
  const place = metricsPlace(section);
  const site = openReplicaSite({
    ...{
      section,
      settings,
      build,
      folders,
      store,
      repositories,
      pool,
      cache,
      steady,
      nowMs,
      nowSeconds,
      log,
    },
    ...{ known, passed: host.passed, clock },
    unborn: section.prs.enabled ? await repositories.unborn() : null,
    operator: place === "public" ? operator(section.basePath) : null,
  });
  const metricsServer =
    typeof place === "string"
      ? null
      : await serveOperator(shared.entry, place, { answer: operator("/"), site, log });
  site.ready();
  return new RunningReplica({
    shared,
    settings,
    lists,
    store,
    own,
    observer,
    relay,
    hooks,
    stop,
    site,
    metricsServer,
    git,
  });
}

function idOf(event: unknown): string {
  const id = (event as { id?: unknown } | null)?.id;
  return typeof id === "string" ? id : "";
}
