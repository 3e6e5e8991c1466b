import { distance } from "fastest-levenshtein";

/**
 * The candidate whose spelling is closest to `word`, for "did you mean". Upper and lower case count as equal.
 * @returns `null` if no candidate is close: more than two characters, or more than a third of them, differ.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const wanted = word.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(Math.min(2, word.length - 2), Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = distance(wanted, candidate.toLowerCase());
    if (edits < bestDistance) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}
