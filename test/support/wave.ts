/**
 * Figures of invented services, for pictures: deterministic.
 * @module
 */

/** A wave between 0 and 1 with some noise, so that lines look like those of a real service. */
export function wave(second: number, period: number, shift = 0): number {
  const rough = Math.abs(Math.sin(second * 12.9898 + shift * 78.233) * 43_758.5453) % 1;
  return 0.42 + 0.38 * Math.sin((2 * Math.PI * (second + shift)) / period) + 0.2 * rough;
}

/** The sum of a rate over all seconds so far. */
export function grown(seconds: number, rate: (second: number) => number): number {
  let sum = 0;
  for (let second = 0; second < seconds; second++) sum += rate(second);
  return Math.round(sum);
}
