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

/**
 * Levenshtein's distance: the number of insertions, deletions and replacements. Our own, because the common library adds half
 * a kilobyte to every edge bundle and 256 KiB of memory at its start.
 */
function distance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = previous[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, replaced));
    }
    previous = row;
  }
  return previous[to.length]!;
}
