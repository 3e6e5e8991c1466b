/**
 * Purgatory sync on the host's clock, disk and Git.
 * @module
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Grasp } from "../../runtime/grasp/grasp.ts";
import type { EventStore, Room } from "../../runtime/grasp/ports.ts";
import { SYNC_PREFIX } from "../../runtime/grasp/purgatory-sync/metrics.ts";
import { PurgatorySync } from "../../runtime/grasp/purgatory-sync.ts";
import { localLimiter } from "../../runtime/limiters/local.ts";
import type { Clock, Log, Metrics } from "../../runtime/platform.ts";
import {
  combineListeners,
  logListener,
  metricsListener,
  type SyncSnapshot,
} from "../../runtime/sync/index.ts";
import type { Host } from "../hosts/host.ts";
import type { GraspSection } from "./config.ts";
import { disconnectedIds } from "./git/connected-ids.ts";
import { gitFetch } from "./git/fetch.ts";
import { publicAddresses } from "./git/fetch-address.ts";
import type { GitPool } from "./git/pool.ts";
import type { DataFolders, DiskRepositories } from "./repositories.ts";

/** Domains whose starts are counted at once. */
const MAX_DOMAINS = 10_000;
/** How long running fetches have at the stop, in milliseconds (O21). */
const STOP_MS = 5_000;

/** What {@link runPurgatorySync} needs. */
export interface PurgatorySyncNeeds {
  readonly host: Pick<Host, "clock" | "random" | "createHotPath">;
  /** The clock of purgatory's deadlines (P25). */
  readonly steady: Clock;
  readonly section: GraspSection;
  readonly folders: DataFolders;
  readonly grasp: Grasp;
  readonly store: EventStore;
  readonly repositories: DiskRepositories;
  readonly room: Room;
  readonly pool: GitPool;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Purgatory sync that runs. */
export interface RunningSync {
  readonly sync: PurgatorySync;
  /** Ends it. What rests goes on resting after the next start. */
  close(): Promise<void>;
}

/** Starts purgatory sync (P30, P31). */
export function runPurgatorySync(needs: PurgatorySyncNeeds): RunningSync {
  const { host, steady, section, folders, grasp, store, repositories, room, pool, log, metrics } = needs;
  const { clock, random } = host;
  const { home, quarantines } = folders;
  const rules = {
    ownHosts: [section.domain, ...section.aliases],
    allowInsecure: section.allowInsecureServers,
  };
  const resolve = publicAddresses(section.allowLoopbackServers);
  const sync = new PurgatorySync({
    grasp,
    store,
    repositories,
    room,
    rules,
    fetch: gitFetch({ repositories, quarantines, home, pool, clock, rules, resolve }),
    disconnected: (owner, identifier, ids) =>
      disconnectedIds(repositories.pathOf(owner, identifier), ids, home, pool),
    clock: steady,
    limiter: localLimiter(host.createHotPath({ maxKeys: MAX_DOMAINS, random }), steady),
    onEvent: combineListeners(
      // A repository's name is no secret.
      logListener(log, { nameInLog: (identifier) => identifier }),
      metricsListener(metrics, { prefix: SYNC_PREFIX }),
    ),
  });
  const file = join(section.dataDirectory, "sync.json");
  const snapshot = takeSnapshot(file, log);
  try {
    sync.start(snapshot);
  } catch (error) {
    if (snapshot === undefined) throw error;
    log.warn("the queue of the last run cannot be read", { error });
    sync.start();
  }
  return {
    sync,
    async close() {
      const left = await sync.stop(STOP_MS);
      writeFileSync(file, JSON.stringify(left), { mode: 0o600 });
    },
  };
}

/** What the last run left. It is used once: after a crash the queue is made from what waits (P30). */
function takeSnapshot(file: string, log: Log): SyncSnapshot | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    log.warn("the queue of the last run cannot be read", { error });
    return undefined;
  } finally {
    rmSync(file, { force: true });
  }
}
