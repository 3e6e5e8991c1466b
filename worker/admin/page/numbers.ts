/** Numbers as people read them, and the scales that charts need. */

const THREE_DIGITS = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const COMPACT = new Intl.NumberFormat("en-GB", { notation: "compact" });

/** Three digits at most for what is small, whole numbers for what is large. */
export function formatNumber(value: number): string {
  return Math.abs(value) < 100 ? THREE_DIGITS.format(value) : WHOLE.format(value);
}

/** The same where there is little room, as beside an axis. */
export function formatShort(value: number): string {
  return value < 10_000 ? formatNumber(value) : COMPACT.format(value);
}

/** A part of a whole; a dash where there is no whole. */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? "–" : `${WHOLE.format((part / whole) * 100)} %`;
}

/** A short time in the unit that suits it. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.001) return `${THREE_DIGITS.format(seconds * 1e6)} µs`;
  if (seconds < 1) return `${THREE_DIGITS.format(seconds * 1000)} ms`;
  return `${THREE_DIGITS.format(seconds)} s`;
}

/** A long time in its two largest units. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const units: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = units.findIndex(([count]) => count > 0);
  if (first === -1) return "0 s";
  const shown = units.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/** A number of bytes. */
export function formatBytes(bytes: number): string {
  return bytes < 1_048_576
    ? `${THREE_DIGITS.format(bytes / 1024)} KiB`
    : `${THREE_DIGITS.format(bytes / 1_048_576)} MiB`;
}

/**
 * Round numbers from 0 to at least `max`, for an axis.
 * @param steps about how many there shall be above 0
 */
export function ticksTo(max: number, steps = 3): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * 0.999)!;
  const step = factor * power;
  const count = Math.ceil(max / step - 1e-9);
  // Multiplied, not added up, and rounded: 3 × 0.1 shall be 0.3.
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/**
 * The value below which a part of the observations lies, as far as a histogram's buckets tell.
 * @param bounds upper bounds, ascending
 * @param counts by bucket; one more than bounds
 * @param part from 0 to 1
 * @returns `null` without observations; the last bound for what lies past it
 */
export function quantile(bounds: readonly number[], counts: readonly number[], part: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    const count = counts[i]!;
    if (count > 0 && below + count >= part * all) {
      const lower = i === 0 ? 0 : bounds[i - 1]!;
      return lower + (bounds[i]! - lower) * Math.max(0, (part * all - below) / count);
    }
    below += count;
  }
  return bounds.at(-1) ?? null;
}
