/**
 * Which PRs a contributor's repository has (X10, X11, N25).
 * @module
 */
import { contributorOf, contributorsOwner } from "./contributor.ts";
import type { Core } from "./core.ts";
import type { NostrEvent } from "./events/event.ts";
import { identifierFault } from "./identifier.ts";
import { commitOf, hostsOf, taggedRepositories } from "./policy/pr-policy.ts";
import type { GitRepository, Repositories } from "./ports.ts";
import { isPullRequest, taggedIdentifiers } from "./removal-targets.ts";
import type { RepositoryName } from "./repository-name.ts";

/** What the refs of contributors' repositories are judged by. */
interface Parts extends Pick<Core, "known"> {
  readonly hosted: Pick<Repositories, "open">;
}

/**
 * The served PRs whose refs a contributor's repository has, or lost in a crash.
 * @param owner a contributor's owner name.
 * @param refs those of the repository now.
 */
export async function contributionsIn(
  owner: string,
  identifier: string,
  refs: ReadonlyMap<string, string>,
  parts: Parts,
): Promise<NostrEvent[]> {
  const found: NostrEvent[] = [];
  for (const event of parts.known.pullRequestsBy(contributorOf(owner) ?? "", identifier))
    if (refs.has(`refs/nostr/${event.id}`) || (await isLost(event, parts))) found.push(event);
  return found;
}

/**
 * Whether an empty repository of a contributor has the commit of a PR that needs it: one that waits and gets its ref at the next
 * look, or a served one whose ref was lost. A commit alone says nothing: a PR that never was here may name the same one (X14).
 */
export async function hasNeededPr(
  owner: string,
  identifier: string,
  repository: GitRepository,
  { known, purgatory, hosted }: Parts & Pick<Core, "purgatory">,
): Promise<boolean> {
  const contributor = contributorOf(owner);
  if (contributor === null) return false;
  const waiting = purgatory.prs(identifier).map(({ event }) => event);
  const needed = waiting.filter(({ pubkey }) => pubkey === contributor);
  for (const event of known.pullRequestsBy(contributor, identifier))
    if (await isLost(event, { known, hosted })) needed.push(event);
  const commits = [...new Set(needed.flatMap((event) => commitOf(event) ?? []))];
  return commits.length > 0 && (await repository.incomplete(commits)).size < commits.length;
}

/**
 * Whether the ref of a served PR is in no repository here: a crash took it, or someone else changed the files. Of one that a
 * repository of an announcement should have it is not known whether it was in its author's.
 */
async function isLost(event: NostrEvent, { known, hosted }: Parts): Promise<boolean> {
  if (hostsOf(taggedRepositories(event), known).length > 0) return false;
  for (const identifier of taggedIdentifiers(event)) {
    if (identifierFault(identifier) !== null) continue;
    for (const owner of [contributorsOwner(event.pubkey), ...known.announcements(identifier).keys()])
      if ((await hosted.open(owner, identifier)?.refs())?.refs.has(`refs/nostr/${event.id}`)) return false;
  }
  return true;
}

/** The repositories here of the authors of PRs that PRs may be in (X10). */
export function ownRepositories(
  events: readonly NostrEvent[],
  hosted: Pick<Repositories, "open">,
): RepositoryName[] {
  const found = new Map<string, RepositoryName>();
  for (const event of events.filter(isPullRequest)) {
    const owner = contributorsOwner(event.pubkey);
    for (const identifier of taggedIdentifiers(event)) {
      const isHere = identifierFault(identifier) === null && hosted.open(owner, identifier) !== null;
      if (isHere) found.set(`${owner}/${identifier}`, { owner, identifier });
    }
  }
  return [...found.values()];
}
