/**
 * What the running service is made of: its folders, its database, its clocks, and the pool of Git. Nothing here answers
 * anybody yet.
 * @module
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Ourselves } from "../../../runtime/grasp/announcement.ts";
import { ownerText } from "../../../runtime/grasp/contributor.ts";
import { SLOT_LIMITS } from "../../../runtime/grasp/git/slots.ts";
import type { EventStore } from "../../../runtime/grasp/ports.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { monotonicClock } from "../../../runtime/sync/index.ts";
import type { Host } from "../../hosts/host.ts";
import type { Shared } from "../../service.ts";
import { VERSION } from "../../version.ts";
import { checkoutCommit } from "../build.ts";
import type { GraspSection } from "../config.ts";
import { createDigests, type Digests } from "../digests.ts";
import { Disk } from "../disk.ts";
import { GitPool } from "../git/pool.ts";
import type { DiskRepository } from "../git/repository.ts";
import { OperatorLists } from "../lists.ts";
import { type Build, Observer } from "../observe.ts";
import { type DataFolders, DiskRepositories, makeDataFolders } from "../repositories.ts";
import { Settings } from "../settings.ts";
import { isGood, SignatureChecks } from "../signatures/signature-checks.ts";
import { sqliteEventStore } from "../store/event-store.ts";
import { checkDatabase } from "./database.ts";
import { type RelayKey, readRelayKey } from "./relay-key.ts";

/** Repositories that are maintained at the same time: one for each 4 cores (O22). */
export const MAINTAINED_AT_ONCE = Math.max(1, Math.floor(availableParallelism() / 4));

export interface Parts {
  readonly shared: Shared;
  readonly host: Host;
  /** The section that the service started with. */
  readonly section: GraspSection;
  /** The section as it is now. */
  readonly settings: Settings;
  readonly build: Build;
  readonly folders: DataFolders;
  readonly databasePath: string;
  readonly relayKey: RelayKey;
  readonly lists: OperatorLists;
  readonly store: EventStore;
  readonly pool: GitPool;
  readonly repositories: DiskRepositories;
  /** What a contributor's path answers with before its first push (X7); `null`: there are none (X6). */
  readonly unborn: DiskRepository | null;
  readonly disk: Disk;
  readonly signatures: SignatureChecks;
  readonly observer: Observer;
  readonly ourselves: Ourselves;
  /** The clock of deadlines: corrections of the host's clock do not move it (P25). */
  readonly steady: Clock;
  /** Milliseconds by {@link Parts.steady}. */
  readonly nowMs: () => number;
  /** Seconds since the epoch, by the host's clock: dates of events are compared with it (R9). */
  readonly nowSeconds: () => number;
  readonly digests: Digests;
}

/**
 * Opens all parts. The lock on the data directory is ours already (P31).
 * @param asked the version of Git.
 * @throws {StartError} saying what cannot be opened.
 */
export async function openParts(
  shared: Shared,
  section: GraspSection,
  asked: Promise<string>,
): Promise<Parts> {
  const { entry, metrics, log, socketClient } = shared;
  const { host } = entry;
  const { clock } = host;
  const { dataDirectory } = section;
  const folders = await makeDataFolders(dataDirectory);
  const databasePath = join(dataDirectory, "grasp.db");
  const commit = checkoutCommit();
  checkDatabase(databasePath);
  const git = await asked;
  const relayKey = await readRelayKey(section.relayKey, join(dataDirectory, "relay.key"), host.random);
  const settings = new Settings(section, shared.config.operator);
  const pool = new GitPool({ clock, limits: { ...SLOT_LIMITS, maintenance: MAINTAINED_AT_ONCE } });
  const steady = monotonicClock(clock);
  const nowMs = () => steady.now();
  const build = { version: VERSION, commit: await commit, git, runtime: host.name };
  const observer = new Observer({ metrics, log, nowMs, build, databasePath, socketClient });
  const repositories = new DiskRepositories(folders, pool, (owner, identifier) => {
    metrics.count("grasp_symbolic_links_total");
    const npub = ownerText(owner);
    log.warn("a symbolic link is in place of a repository; it is not served", { npub, identifier });
  });
  return {
    ...{
      shared,
      host,
      section,
      settings,
      build,
      folders,
      databasePath,
      relayKey,
      pool,
      observer,
      steady,
      nowMs,
    },
    lists: new OperatorLists(section, relayKey.publicKey),
    store: sqliteEventStore({ path: databasePath, clock }),
    repositories,
    unborn: section.prs.enabled ? await repositories.unborn() : null,
    disk: new Disk({ git: folders.git, clock, limits: () => settings.diskLimits() }),
    signatures: new SignatureChecks({ isGood: observer.timed(isGood) }),
    ourselves: { hosts: [section.domain, ...section.aliases], basePath: section.basePath },
    nowSeconds: () => Math.floor(clock.now() / 1000),
    digests: createDigests(host),
  };
}
