/**
 * Which objects are here, over all repositories of an identifier, and copies between them (P10, P11, N8).
 * @module
 */
import type { GitRepository } from "../ports.ts";

/** What is here already passed the bounds when it came. */
const NO_BOUNDS = { maxBytes: Number.MAX_SAFE_INTEGER, maxObjects: Number.MAX_SAFE_INTEGER };

/** Those of these ids that are complete in no repository. */
export async function missingIn(
  sources: readonly GitRepository[],
  ids: Iterable<string>,
): Promise<ReadonlySet<string>> {
  let missing = new Set(ids);
  for (const source of sources) {
    if (missing.size === 0) break;
    missing = await source.incomplete([...missing]);
  }
  return missing;
}

/** Whether each id is complete in some repository. */
export async function isComplete(ids: Iterable<string>, sources: readonly GitRepository[]): Promise<boolean> {
  return (await missingIn(sources, ids)).size === 0;
}

/**
 * Copies what a repository lacks from others, as packs (N8).
 * @throws {Error} if an id is in none of them.
 */
export async function copyMissing(
  ids: Iterable<string>,
  target: GitRepository,
  sources: readonly GitRepository[],
): Promise<void> {
  let missing = await target.incomplete([...new Set(ids)]);
  for (const source of sources) {
    if (missing.size === 0) return;
    if (source === target) continue;
    const lacking = await source.incomplete([...missing]);
    const here = [...missing].filter((id) => !lacking.has(id));
    if (here.length === 0) continue;
    const tips = here.map((id) => ({ id, isBranch: false }));
    const received = await target.receive(source.pack(here), tips, NO_BOUNDS);
    if ("quarantine" in received) await received.quarantine.adopt();
    missing = await target.incomplete([...missing]);
  }
  if (missing.size > 0) throw new Error("objects that were here are gone");
}
