/**
 * Repositories that nothing needs any more (P23, X11).
 * @module
 */
import { contributorOf } from "./contributor.ts";
import type { Core } from "./core.ts";
import { identifierFault } from "./identifier.ts";
import { commitOf, taggedRepositories } from "./policy/pr-policy.ts";
import type { GitRepository } from "./ports.ts";

/**
 * Deletes a repository that nothing needs (P23): no announcement that is served or waits, no push or fetch under way, no ref, no
 * waiting PR, no unclaimed upload. The caller holds the lock.
 */
export async function deleteIfUnused(
  owner: string,
  identifier: string,
  { hosted, known, purgatory }: Core,
): Promise<boolean> {
  // An event may tag anything.
  const repository = identifierFault(identifier) === null ? hosted.open(owner, identifier) : null;
  if (repository === null || hosted.isInUse(owner, identifier)) return false;
  const announced = known.announcements(identifier).get(owner);
  if (announced?.isHosted && announced.status !== "soft_expired") return false;
  const name = `${owner}/${identifier}`;
  const isOfThis = (one: { owner: string; identifier: string }) =>
    one.owner === owner && one.identifier === identifier;
  if (purgatory.prs(identifier).some(({ event }) => taggedRepositories(event).some(isOfThis))) return false;
  if (purgatory.allPlaceholders().some((entry) => entry.repository === name)) return false;
  if ((await repository.refs()).refs.size > 0) return false;
  if (await hasPr(owner, identifier, repository, { known, purgatory })) return false;
  await hosted.delete(owner, identifier);
  return true;
}

/** Whether a contributor's repository has the objects of a PR whose ref a crash took or kept from being set (N25). */
async function hasPr(
  owner: string,
  identifier: string,
  repository: GitRepository,
  { known, purgatory }: Pick<Core, "known" | "purgatory">,
): Promise<boolean> {
  const contributor = contributorOf(owner);
  if (contributor === null) return false;
  const waiting = purgatory.prs(identifier).map(({ event }) => event);
  const prs = [
    ...known.pullRequestsBy(contributor, identifier),
    ...waiting.filter(({ pubkey }) => pubkey === contributor),
  ];
  if (prs.length === 0) return false;
  const commits = [...new Set(prs.flatMap((event) => commitOf(event) ?? []))];
  return (await repository.incomplete(commits)).size < commits.length;
}
