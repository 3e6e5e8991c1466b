/** How often repositories are maintained, in milliseconds. */
export const TICK_MS = 10 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/** How many of the repositories have their turn at a tick, so that all have it within a day, spread over it. */
export function shareOfDay(repositories: number): number {
  return Math.ceil((repositories * TICK_MS) / DAY_MS);
}
