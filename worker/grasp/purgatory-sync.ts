/**
 * Purgatory sync and repair on the host's clock, disk and Git.
 * @module
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownerText } from "../../runtime/grasp/contributor.ts";
import type { Grasp } from "../../runtime/grasp/grasp.ts";
import type { EventStore, Room } from "../../runtime/grasp/ports.ts";
import { SYNC_PREFIX } from "../../runtime/grasp/purgatory-sync/metrics.ts";
import { PurgatorySync } from "../../runtime/grasp/purgatory-sync.ts";
import { Repairs } from "../../runtime/grasp/repair.ts";
import type { RepairCounts, RepairResult } from "../../runtime/grasp/repair-plan.ts";
import type { RepositoryName } from "../../runtime/grasp/repository-name.ts";
import { localLimiter } from "../../runtime/limiters/local.ts";
import { idFields, NO_IDS } from "../../runtime/observe/trace-context.ts";
import type { Clock, Log, Metrics } from "../../runtime/platform.ts";
import {
  combineListeners,
  logListener,
  metricsListener,
  type SyncSnapshot,
} from "../../runtime/sync/index.ts";
import type { Host } from "../hosts/host.ts";
import type { GraspSection } from "./config.ts";
import { disconnectedIds, missingIds } from "./git/connected-ids.ts";
import { gitFetch } from "./git/fetch.ts";
import { publicAddresses } from "./git/fetch-address.ts";
import type { GitPool } from "./git/pool.ts";
import type { DataFolders, DiskRepositories } from "./repositories.ts";

/** Domains whose starts are counted at once. */
const MAX_DOMAINS = 10_000;
/** How long running fetches have at the stop, in milliseconds (O21). The process waits 5 s for all that closes. */
const STOP_MS = 2_000;

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
  readonly repairs: Repairs;
  /** Ends both, once. What rests goes on resting after the next start. */
  close(): Promise<void>;
}

/** Starts purgatory sync and repair (P30, P31). */
export function runPurgatorySync(needs: PurgatorySyncNeeds): RunningSync {
  const { host, steady, section, folders, grasp, store, repositories, room, pool, log, metrics } = needs;
  const { clock, random } = host;
  const { home, quarantines } = folders;
  const rules = {
    ownHosts: [section.domain, ...section.aliases],
    allowInsecure: section.allowInsecureServers,
  };
  const resolve = publicAddresses(section.allowLoopbackServers);
  const place = { home, pool };
  const pathOf = repositories.pathOf.bind(repositories);
  const repairs: Repairs = new Repairs({
    grasp,
    store,
    repositories,
    sync: { repair: (owner, identifier, events) => sync.repair(owner, identifier, events) },
    missing: (owner, identifier, ids) => missingIds(pathOf(owner, identifier), ids, place),
    disconnected: (owner, identifier, ids) => disconnectedIds(pathOf(owner, identifier), ids, place),
    clock: steady,
    onChecked: (name, result) => tell(name, result, repairs.counts(), needs),
  });
  const sync: PurgatorySync = new PurgatorySync({
    grasp,
    store,
    repositories,
    room,
    rules,
    fetch: gitFetch({ repositories, quarantines, home, pool, clock, rules, resolve }),
    disconnected: (owner, identifier, ids) => disconnectedIds(pathOf(owner, identifier), ids, place),
    clock: steady,
    limiter: localLimiter(host.createHotPath({ maxKeys: MAX_DOMAINS, random }), steady),
    onEvent: combineListeners(
      // A repository's name is no secret.
      logListener(log, {
        nameInLog: (identifier) => identifier,
        // The queue's work is caused by events, not by the request that happens to run it.
        fieldsFor: () => idFields(NO_IDS),
      }),
      metricsListener(metrics, { prefix: SYNC_PREFIX }),
      repairs.listen,
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
  repairs.start();
  let closing: Promise<void> | null = null;
  const close = async () => {
    const [left] = await Promise.all([sync.stop(STOP_MS), repairs.stop()]);
    writeFileSync(file, JSON.stringify(left), { mode: 0o600 });
  };
  return {
    sync,
    repairs,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** Counts and logs a check (O12, S26). */
function tell(
  { owner, identifier }: RepositoryName,
  { status, missing }: RepairResult,
  { incomplete, oldestMs }: RepairCounts,
  { metrics, log, steady }: Pick<PurgatorySyncNeeds, "metrics" | "log" | "steady">,
): void {
  metrics.count("grasp_repair_checks_total");
  if (status === "repaired") metrics.count("grasp_repair_repaired_total");
  metrics.gauge("grasp_repair_incomplete", incomplete);
  metrics.gauge("grasp_repair_oldest_seconds", (steady.now() - (oldestMs ?? steady.now())) / 1000);
  const fields = { npub: ownerText(owner), identifier };
  if (status === "repaired") log.info("a repository was repaired", fields);
  if (status === "incomplete") log.warn("a repository lacks objects", { ...fields, missing });
  if (status === "failed") log.warn("a repository could not be checked", fields);
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
