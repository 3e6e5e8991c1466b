/**
 * A delay that doubles with each failure in a row.
 * @param times number of failures, from 1
 * @param first the delay after the first one
 * @param most the longest delay
 */
export function doubling(times: number, first: number, most: number): number {
  return Math.min(first * 2 ** Math.min(times - 1, 50), most);
}
