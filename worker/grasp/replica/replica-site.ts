/**
 * What a read replica answers over HTTP: all that reads.
 * @module
 */
import { ownerText } from "../../../runtime/grasp/contributor.ts";
import type { Known } from "../../../runtime/grasp/known.ts";
import type { Place } from "../../../runtime/grasp/place.ts";
import { dryRunRefusal, pushRefusal } from "../../../runtime/grasp/replica/refusals.ts";
import type { Clock, Log } from "../../../runtime/platform.ts";
import type { OperatorAnswer } from "../admin/operator-answer.ts";
import type { GraspSection } from "../config.ts";
import type { AnswerCache } from "../git/answer-cache.ts";
import { textAnswer } from "../git/answers.ts";
import { gitReads } from "../git/git-http.ts";
import type { GitPool } from "../git/pool.ts";
import type { DiskRepository } from "../git/repository.ts";
import { Health } from "../health.ts";
import { readIcon } from "../icon.ts";
import type { Build } from "../observe.ts";
import { FactGatherer } from "../pages/repository-facts.ts";
import type { DataFolders, DiskRepositories } from "../repositories.ts";
import type { Settings } from "../settings.ts";
import { Site } from "../site.ts";
import { askGitVersion } from "../start/git-version.ts";
import type { ReplicaStore } from "./replica-store.ts";

/** What {@link openReplicaSite} works with. */
export interface ReplicaSiteNeeds {
  readonly section: GraspSection;
  readonly settings: Settings;
  readonly build: Build;
  readonly folders: DataFolders;
  readonly store: ReplicaStore;
  readonly known: Known;
  readonly repositories: DiskRepositories;
  /** As in {@link GitReadParts.unborn}. */
  readonly unborn: DiskRepository | null;
  readonly pool: GitPool;
  readonly cache: AnswerCache;
  readonly clock: Clock;
  readonly steady: Clock;
  readonly nowMs: () => number;
  readonly nowSeconds: () => number;
  readonly log: Pick<Log, "error">;
  readonly passed: ((bytes: number) => void) | undefined;
  /** `null`: metrics are not served here. */
  readonly operator: OperatorAnswer | null;
}

export function openReplicaSite(needs: ReplicaSiteNeeds): Site {
  const { section, settings, build, folders, store, known, repositories, unborn, pool, cache, log } = needs;
  const { nowMs, nowSeconds, clock, steady, operator, passed } = needs;
  const { home } = folders;
  return new Site({
    ...{ nowSeconds, build, log, operator },
    // What other servers were asked, and what repair found, is in the memory of the process that writes.
    facts: new FactGatherer({
      ...{ repositories, home, nowMs },
      grasp: { known, purgatory: store.waiting },
      address: section.domain + section.basePath,
      asked: () => [],
      repaired: () => null,
    }),
    section: () => settings.current,
    health: new Health({ database: async () => store.look(), git: askGitVersion }, clock),
    git: gitReads(
      { grasp: { known }, ...{ store, repositories, unborn, pool, cache, log, home, passed }, clock: steady },
      (place) => pushRefusal(section, pathOf(place)),
    ),
    dryRun: async () => textAnswer(403, dryRunRefusal(section)),
    icon: readIcon(section.icon),
  });
}

/** The path of a repository below the base path. */
function pathOf({ owner, identifier }: Place): string {
  return `${ownerText(owner)}/${encodeURIComponent(identifier)}.git`;
}
