/**
 * Names that are one file where the file system folds case or Unicode form (R27, A46).
 * @module
 */

/** What names that may be one file have in common. */
export function folded(name: string): string {
  // Upper case first: it makes one of letters that have several lower-case forms.
  return name.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}

/** Two ref names, or parts of them, that fold to one; `null`: there are none. Folders count, too: `A/x` would be listed as `a/x`. */
export function foldedPair(names: Iterable<string>): readonly [string, string] | null {
  const known = new Map<string, string>();
  for (const name of names) {
    for (let end = name.length; end > 0; end = name.lastIndexOf("/", end - 1)) {
      const part = name.slice(0, end);
      const key = folded(part);
      const other = known.get(key);
      if (other === part) break;
      if (other !== undefined) return [other, part];
      known.set(key, part);
    }
  }
  return null;
}
