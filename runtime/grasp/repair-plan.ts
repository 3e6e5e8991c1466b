/**
 * Hourly repair: its figures, and the decisions that follow from values alone (S24).
 * @module
 */
import { contributorOf } from "./contributor.ts";
import { type NostrEvent, tagValue } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import { everyEvent } from "./known.ts";
import { commitOf } from "./policy/pr-policy.ts";
import type { EventStore, RefSnapshot, Repositories } from "./ports.ts";
import { isEmpty, moveTo } from "./release/alignment.ts";
import type { RepositoryName } from "./repository-name.ts";
import type { RepositoryState } from "./state.ts";

/** Every served repository is checked once in this time, in milliseconds. */
export const REPAIR_EVERY_MS = 3_600_000;
/** Connectivity is checked once in this time, in milliseconds. */
export const CONNECTIVITY_EVERY_MS = 24 * REPAIR_EVERY_MS;
/** How often a part of the repositories is checked, in milliseconds. */
export const REPAIR_TICK_MS = 10_000;
/** What a check found. */
export interface RepairResult {
  /** Milliseconds since the epoch. */
  readonly checkedMs: number;
  /** When the objects' history was last looked at, too; `null`: not yet in this run. */
  readonly connectivityMs: number | null;
  /** `complete`: nothing was wrong. `repaired`: it is right now. `incomplete`: objects are missing. `failed`: it could not be checked. */
  readonly status: "complete" | "repaired" | "incomplete" | "failed";
  /** Number of missing objects, and the ids of the first of them. */
  readonly missing: number;
  readonly missingIds: readonly string[];
}

/** Figures over all repositories (O12). */
export interface RepairCounts {
  /** Checks and repairs since the start. */
  readonly checked: number;
  readonly repaired: number;
  /** Repositories whose last check found missing objects. */
  readonly incomplete: number;
  /** The oldest of the last checks, in milliseconds since the epoch; `null`: nothing was checked yet. */
  readonly oldestMs: number | null;
}

/** How many of the repositories are checked at a tick, so that all are within an hour, spread over it. */
export function shareOf(repositories: number): number {
  return Math.ceil((repositories * REPAIR_TICK_MS) / REPAIR_EVERY_MS);
}

/** Whether a repository's refs are those of its authoritative state, and those of its PRs (S24). */
export function areRefsRight(
  state: Pick<RepositoryState, "refs" | "head"> | null,
  prs: readonly NostrEvent[],
  snapshot: RefSnapshot,
): boolean {
  if (state !== null && !isEmpty(moveTo(state, snapshot))) return false;
  return prs.every((event) => {
    const commit = commitOf(event);
    return commit === null || commit.length !== 40 || snapshot.refs.get(`refs/nostr/${event.id}`) === commit;
  });
}

/** Whether a check looks at the objects' history, too: once a day, after a restart, and after a fault (S24). */
export function looksAtHistory(last: RepairResult | null, nowMs: number): boolean {
  if (last?.connectivityMs == null || last.status === "incomplete" || last.status === "failed") return true;
  return nowMs - last.connectivityMs >= CONNECTIVITY_EVERY_MS;
}

/**
 * Every repository that is served: those whose announcements are, then those of contributors.
 * @param repositories `null`: contributors have none here (X6)
 */
export async function servedRepositories(
  store: Pick<EventStore, "query">,
  repositories: Pick<Repositories, "list"> | null,
  nowSeconds: number,
): Promise<RepositoryName[]> {
  const all = repositories === null ? [] : await repositories.list();
  const contributed = all
    .filter(({ owner }) => contributorOf(owner) !== null)
    .map(({ owner, identifier }) => ({ owner, identifier }));
  return [...announcedRepositories(store, nowSeconds), ...contributed];
}

function* announcedRepositories(
  store: Pick<EventStore, "query">,
  nowSeconds: number,
): Generator<RepositoryName> {
  const filter = { tags: new Map(), kinds: new Set<number>([KIND.announcement]) };
  for (const event of everyEvent(store, filter, () => nowSeconds)) {
    const identifier = tagValue(event, "d");
    if (identifier !== undefined) yield { owner: event.pubkey, identifier };
  }
}
