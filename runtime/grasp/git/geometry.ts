/**
 * Which packs of a repository become one (O22): many small pushes become few packs, and large packs are seldom written again.
 * @module
 */

/** A pack, and how many objects it has. */
export interface PackSize {
  readonly name: string;
  readonly objects: number;
}

/** Each pack that stays has at least as many times the objects of all smaller ones, as with `git repack --geometric=2`. */
const FACTOR = 2;
/** Fewer packs than this are not worth a process. */
const FEWEST = 4;

/** The packs that are combined into one; none: they are fine as they are. */
export function packsToCombine(packs: readonly PackSize[]): string[] {
  const sorted = [...packs].sort((a, b) => a.objects - b.objects);
  // From the largest down, as long as each has enough more objects than the next.
  let end = sorted.length;
  while (end > 1 && sorted[end - 1]!.objects >= FACTOR * sorted[end - 2]!.objects) end--;
  if (end <= 1) return [];
  // The new pack may be too large for the progression: then it takes in the next.
  let sum = 0;
  for (const { objects } of sorted.slice(0, end)) sum += objects;
  while (end < sorted.length && sorted[end]!.objects < FACTOR * sum) sum += sorted[end++]!.objects;
  return end < FEWEST ? [] : sorted.slice(0, end).map(({ name }) => name);
}
