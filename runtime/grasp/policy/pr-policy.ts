/**
 * Whether a pull request or an update of one is accepted (R45 to R48).
 * @module
 */
import { type NostrEvent, tagValue, tagValues } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";
import { overlap } from "../maintainers.ts";
import { refuse, type Verdict } from "./verdict.ts";
import { setsOf, type World } from "./world.ts";

/** A repository that an event tags. */
export interface TaggedRepository {
  readonly owner: string;
  readonly identifier: string;
}

/** What is asked of Git before a PR is judged. */
export interface PrFacts {
  /** Whether its commit is complete in a repository that it tags (R47). */
  readonly isComplete: boolean;
}

const ADDRESS = /^30617:([0-9a-f]{64}):(.*)$/s;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** The repositories that an event tags: all its `a` tags of kind 30617, split at the first two colons (R46). */
export function taggedRepositories(event: Pick<NostrEvent, "tags">): TaggedRepository[] {
  return event.tags.flatMap(([name, value]) => {
    const match = name === "a" ? ADDRESS.exec(value ?? "") : null;
    return match === null ? [] : [{ owner: match[1]!, identifier: match[2]! }];
  });
}

/** The commit of a PR; `null`: it names none. */
export function commitOf(event: Pick<NostrEvent, "tags">): string | null {
  const commit = tagValue(event, "c");
  return commit !== undefined && COMMIT.test(commit) ? commit : null;
}

/** Judges a PR (1618) or PR update (1619). */
export function judgePr(event: NostrEvent, { isComplete }: PrFacts, world: World): Verdict {
  if (world.lists.denyAuthors.has(event.pubkey)) return refuse("blocked", "this author is not served here");
  if (commitOf(event) === null) return refuse("invalid", "it has no c tag with a commit");
  if (world.remembered(event.id) === "deleted") return refuse("blocked", "it was deleted");
  const tagged = taggedRepositories(event).filter(({ owner, identifier }) =>
    isHosted(world, owner, identifier),
  );
  if (tagged.length === 0) return refuse("restricted", "no a tag of it names a repository here");
  if (event.kind === KIND.pullRequestUpdate) {
    const fault = updateFault(event, tagged, world);
    if (fault !== null) return fault;
  }
  return isComplete ? { kind: "serve" } : { kind: "wait" };
}

/** An update names its PR, and is by the PR's author or by a maintainer (R48). An unknown PR is looked at when it is released. */
export function updateFault(
  event: NostrEvent,
  tagged: readonly TaggedRepository[],
  world: World,
): Verdict | null {
  const ids = [...tagValues(event, "E"), ...tagValues(event, "e")];
  if (!event.tags.some(([name]) => name === "E") || !event.tags.some(([name]) => name === "P")) {
    return refuse("invalid", "an update names its pull request by E and P");
  }
  const pr = ids
    .map((id) => (/^[0-9a-f]{64}$/.test(id) ? world.served(id) : null))
    .find((one) => one !== null);
  if (pr === undefined || pr === null || pr.pubkey === event.pubkey) return null;
  const maintains = tagged.some(({ owner, identifier }) =>
    setsOf(world, identifier).get(owner)?.has(event.pubkey),
  );
  return maintains
    ? null
    : refuse("restricted", "an update is by the pull request's author or by a maintainer");
}

/** Whether a repository is served here, by its owner or by one whose maintainer set overlaps (N11). */
function isHosted(world: World, owner: string, identifier: string): boolean {
  const known = world.announcements(identifier).get(owner);
  if (known?.status === "served") return true;
  const sets = setsOf(world, identifier);
  const own = sets.get(owner) ?? new Set([owner]);
  return [...sets].some(
    ([other, set]) => world.announcements(identifier).get(other)?.status === "served" && overlap(own, set),
  );
}
