/**
 * Whether a version is not older than another one. Numbers count: `2.39.5.windows.1` is newer than `2.39.4`.
 * @param version which begins with numbers and dots
 */
export function isAtLeast(version: string, oldest: string): boolean {
  const have = numbersOf(version);
  for (const [i, need] of numbersOf(oldest).entries()) {
    const has = have[i] ?? 0;
    if (has !== need) return has > need;
  }
  return true;
}

function numbersOf(version: string): number[] {
  return (/^\d+(?:\.\d+)*/.exec(version)?.[0] ?? "0").split(".").map(Number);
}
