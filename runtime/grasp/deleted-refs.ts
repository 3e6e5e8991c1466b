/**
 * Refs of PRs that were deleted while their repository was held (R61).
 * @module
 */
import { ZERO_ID } from "./git/command-list.ts";
import type { Known } from "./known.ts";
import type { GitRepository } from "./ports.ts";
import { nostrId } from "./push.ts";

/** Deletes a repository's refs of PRs that were deleted, and lets maintenance take their objects. The caller holds the lock. */
export async function dropDeletedRefs(repository: GitRepository, known: Known): Promise<void> {
  const { refs } = await repository.refs();
  const gone = [...refs].filter(([ref]) => known.remembered(nostrId(ref) ?? "") === "deleted");
  if (gone.length === 0) return;
  await repository.forgetUnreachable();
  await repository.updateRefs(gone.map(([ref, old]) => ({ ref, old, new: ZERO_ID })));
}
