/**
 * Whether a pull request or an update of one is accepted (R45 to R48).
 * @module
 */
import { contributedBy } from "../contributed-url.ts";
import { contributorsOwner } from "../contributor.ts";
import { isHex64, type NostrEvent, tagValue, tagValues } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";
import { identifierFault } from "../identifier.ts";
import { overlap } from "../maintainers.ts";
import { isDenied } from "./announcement-policy.ts";
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

/** Clone URLs of a PR that are read. */
const MAX_URLS = 50;
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
  if (identifiersOfPr(event, world).length === 0)
    return refuse("restricted", "no a tag of it names a repository here");
  if (event.kind === KIND.pullRequestUpdate) {
    if (!event.tags.some(([name]) => name === "E") || !event.tags.some(([name]) => name === "P"))
      return refuse("invalid", "an update names its pull request by E and P");
    if (judgeUpdate(event, world) === "refused")
      return refuse("restricted", "an update is by the pull request's author or by a maintainer");
  }
  return isComplete ? { kind: "serve" } : { kind: "wait" };
}

/**
 * Whether the author of an update may update the PR that it names: the PR's author, or a maintainer of a tagged repository (R48).
 * `unknown`: the PR is not known, so that only its author could say.
 */
export function judgeUpdate(event: NostrEvent, world: World): "granted" | "refused" | "unknown" {
  const maintains = taggedRepositories(event).some(({ owner, identifier }) =>
    setsOf(world, identifier).get(owner)?.has(event.pubkey),
  );
  if (maintains) return "granted";
  const ids = [...tagValues(event, "E"), ...tagValues(event, "e")].filter(isHex64);
  const prs = ids.flatMap((id) => world.known(id) ?? []).filter(({ kind }) => kind === KIND.pullRequest);
  const [pr] = prs;
  if (pr === undefined) return "unknown";
  return pr.pubkey === event.pubkey ? "granted" : "refused";
}

/**
 * The served repositories that a PR belongs to (N11): those of the tagged owners, and those of the same identifier whose maintainer
 * set overlaps with that of a tagged owner.
 */
export function hostsOf(
  tagged: readonly TaggedRepository[],
  world: Pick<World, "announcements">,
): TaggedRepository[] {
  const hosts = new Map<string, TaggedRepository>();
  for (const [identifier, owners] of Map.groupBy(tagged, (one) => one.identifier)) {
    const known = world.announcements(identifier);
    const sets = setsOf(world, identifier);
    const wanted = owners.map(({ owner }) => sets.get(owner) ?? new Set([owner]));
    for (const [owner, set] of sets) {
      if (known.get(owner)?.status !== "served" || !wanted.some((one) => overlap(one, set))) continue;
      hosts.set(`${owner}/${identifier}`, { owner, identifier });
    }
  }
  return [...hosts.values()];
}

/**
 * The identifiers under which a PR is accepted although no repository that it tags is served here (X9): an `a` names one, and a
 * `clone` URL names the author's own repository here for it. Repositories that the operator denies do not count (R26).
 */
export function contributedIdentifiers(
  event: NostrEvent,
  world: Pick<World, "takesPrs" | "ourselves" | "lists">,
): string[] {
  if (!world.takesPrs) return [];
  const named = new Set(
    tagValues(event, "clone")
      .slice(0, MAX_URLS)
      .flatMap((url) => contributedBy(url, event.pubkey, world.ourselves) ?? []),
  );
  const tagged = named.size === 0 ? [] : taggedRepositories(event);
  const wanted = tagged.filter((one) => named.has(one.identifier) && !isDenied(one, world.lists));
  return [...new Set(wanted.map(({ identifier }) => identifier))];
}

/** The identifiers under which a PR waits: those of the repositories that it belongs to, and those of X9. */
export function identifiersOfPr(
  event: NostrEvent,
  world: Pick<World, "announcements" | "takesPrs" | "ourselves" | "lists">,
): string[] {
  const hosts = hostsOf(taggedRepositories(event), world).map(({ identifier }) => identifier);
  return [...new Set([...hosts, ...contributedIdentifiers(event, world)])];
}

/** The repositories of a PR's author that may have its commit (X12). They need not exist. */
export function contributedRepositories(
  event: NostrEvent,
  world: Pick<World, "announcements" | "takesPrs" | "ourselves" | "lists">,
): TaggedRepository[] {
  if (!world.takesPrs) return [];
  const owner = contributorsOwner(event.pubkey);
  return identifiersOfPr(event, world)
    .filter((identifier) => identifierFault(identifier) === null)
    .map((identifier) => ({ owner, identifier }));
}
