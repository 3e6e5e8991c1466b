/**
 * Repositories that nothing needs any more (P23, X11).
 * @module
 */
import { contributorsOwner } from "./contributor.ts";
import { hasNeededPr } from "./contributor-prs.ts";
import type { Core } from "./core.ts";
import { identifierFault } from "./identifier.ts";
import { taggedRepositories } from "./policy/pr-policy.ts";
import type { WaitingPr } from "./purgatory/entry.ts";

/**
 * Deletes a repository that nothing needs (P23): no announcement that is served or waits, no push or fetch under way, no ref, no
 * waiting PR, no unclaimed upload. The caller holds the lock.
 */
export async function deleteIfUnused(owner: string, identifier: string, core: Core): Promise<boolean> {
  const { hosted, known, purgatory } = core;
  // An event may tag anything.
  const repository = identifierFault(identifier) === null ? hosted.open(owner, identifier) : null;
  if (repository === null) return false;
  const announced = known.announcements(identifier).get(owner);
  if (announced?.isHosted && announced.status !== "soft_expired") return false;
  const isOfThis = (one: { owner: string; identifier: string }) =>
    one.owner === owner && one.identifier === identifier;
  if (purgatory.prs(identifier).some(({ event }) => taggedRepositories(event).some(isOfThis))) return false;
  if (purgatory.placeholdersIn(`${owner}/${identifier}`).length > 0) return false;
  if ((await repository.refs()).refs.size > 0) return false;
  if (await hasNeededPr(owner, identifier, repository, core)) return false;
  // Asked last: a push may have begun meanwhile, which takes no lock for that (A42).
  if (hosted.isInUse(owner, identifier)) return false;
  await hosted.delete(owner, identifier);
  return true;
}

/** A PR waits no more: the repositories that it tags, and those of its author, may have waited for nothing else. The caller holds the locks. */
export async function deleteUnusedAfter({ event, identifiers }: WaitingPr, core: Core): Promise<void> {
  const tagged = taggedRepositories(event).filter(({ identifier }) => identifiers.includes(identifier));
  const own = identifiers.map((identifier) => ({ owner: contributorsOwner(event.pubkey), identifier }));
  for (const { owner, identifier } of [...tagged, ...own]) await deleteIfUnused(owner, identifier, core);
}
