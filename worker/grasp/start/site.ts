/**
 * What the service answers over HTTP, on the parts that are open.
 * @module
 */
import type { Grasp } from "../../../runtime/grasp/grasp.ts";
import type { OperatorAnswer } from "../admin/operator-answer.ts";
import { dryRunHandler } from "../dry-run.ts";
import type { AnswerCache } from "../git/answer-cache.ts";
import { gitHttp } from "../git/git-http.ts";
import { Health, probesOf } from "../health.ts";
import { readIcon } from "../icon.ts";
import { FactGatherer } from "../pages/repository-facts.ts";
import type { RunningSync } from "../purgatory-sync.ts";
import { Site } from "../site.ts";
import type { Parts } from "./parts.ts";

/** What {@link openSite} works with. */
export interface SiteNeeds {
  readonly parts: Parts;
  readonly grasp: Grasp;
  readonly purgatorySync: RunningSync;
  readonly cache: AnswerCache;
  /** `null`: the operator's paths are not served here. */
  readonly operator: OperatorAnswer | null;
}

export function openSite({ parts, grasp, purgatorySync, cache, operator }: SiteNeeds): Site {
  const { host, section, settings, build, folders, store, repositories, unborn, pool, disk, steady } = parts;
  const { nowMs, nowSeconds } = parts;
  const { log } = parts.shared;
  const { home } = folders;
  const { dataDirectory, limits } = section;
  return new Site({
    ...{ nowSeconds, build, log },
    facts: new FactGatherer({
      ...{ grasp, repositories, home, nowMs },
      address: section.domain + section.basePath,
      asked: (identifier) => purgatorySync.sync.asked(identifier),
      repaired: (owner, identifier) => purgatorySync.repairs.of(owner, identifier),
    }),
    section: () => settings.current,
    health: new Health(probesOf(store, dataDirectory), host.clock),
    git: gitHttp({
      ...{ grasp, store, repositories, unborn, pool, cache, log, home },
      room: disk,
      clock: steady,
      passed: host.passed,
    }),
    dryRun: dryRunHandler({ grasp, clock: steady, nowMs, maxMessageBytes: limits.messageBytes }),
    operator,
    icon: readIcon(section.icon),
  });
}
