/**
 * When a worker that died is started again.
 * @module
 */

/** A worker that died sooner than this after its start died early, in milliseconds. */
export const EARLY_MS = 10_000;
/** Pause before the first start after an early death, in milliseconds; each further one doubles it. */
export const FIRST_PAUSE_MS = 100;
/** Longest pause, in milliseconds. */
export const LONGEST_PAUSE_MS = 5_000;
/** Number of early deaths in a row after which the server gives up. */
export const MOST_EARLY_DEATHS = 6;

/** What follows the death of a worker. */
export type AfterDeath =
  | { readonly kind: "start"; readonly afterMs: number; readonly earlyDeaths: number }
  | { readonly kind: "give up"; readonly earlyDeaths: number };

/**
 * What follows the death of a worker.
 * @param livedMs time from its start to its death, in milliseconds.
 * @param earlyDeaths early deaths in a row of this worker's predecessors.
 */
export function afterDeath(livedMs: number, earlyDeaths: number): AfterDeath {
  if (livedMs >= EARLY_MS) return { kind: "start", afterMs: 0, earlyDeaths: 0 };
  const deaths = earlyDeaths + 1;
  if (deaths >= MOST_EARLY_DEATHS) return { kind: "give up", earlyDeaths: deaths };
  const afterMs = Math.min(FIRST_PAUSE_MS * 2 ** earlyDeaths, LONGEST_PAUSE_MS);
  return { kind: "start", afterMs, earlyDeaths: deaths };
}
