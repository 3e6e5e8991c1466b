/** Formats of numbers and times, and the scales of the charts. */

const THREE_DIGITS = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const TIME_OF_DAY = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const COMPACT = new Intl.NumberFormat("en-GB", { notation: "compact" });

/** Formats a number: at most three significant digits below 100, whole numbers above. */
export function formatNumber(value: number): string {
  return Math.abs(value) < 100 ? THREE_DIGITS.format(value) : WHOLE.format(value);
}

/** Like {@link formatNumber}, shortened from 10,000 on. For axes. */
export function formatShort(value: number): string {
  return value < 10_000 ? formatNumber(value) : COMPACT.format(value);
}

/** Formats a share in percent; a dash if the whole is 0. */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? "–" : `${WHOLE.format((part / whole) * 100)} %`;
}

/** Formats a short time in µs, ms or s. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.001) return `${THREE_DIGITS.format(seconds * 1e6)} µs`;
  if (seconds < 1) return `${THREE_DIGITS.format(seconds * 1000)} ms`;
  return `${THREE_DIGITS.format(seconds)} s`;
}

/** Formats a long time in its two largest units. */
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

/** Formats a time of day in hours and minutes, in the browser's time zone. @param ms since the Unix epoch */
export function formatTime(ms: number): string {
  return TIME.format(ms);
}

/** Formats a time of day with its seconds, in the browser's time zone. @param ms since the Unix epoch */
export function formatTimeOfDay(ms: number): string {
  return TIME_OF_DAY.format(ms);
}

const BYTE_UNITS = ["KiB", "MiB", "GiB", "TiB"];

/** Formats a number of bytes. */
export function formatBytes(bytes: number): string {
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < BYTE_UNITS.length - 1; unit++) value /= 1024;
  return `${THREE_DIGITS.format(value)} ${BYTE_UNITS[unit]}`;
}

/**
 * Round numbers from 0 to at least `max`, for an axis.
 * @param steps approximate number of ticks above 0
 */
export function ticksTo(max: number, steps = 3): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * 0.999)!;
  const step = factor * power;
  const count = Math.ceil(max / step - 1e-9);
  // Multiplied and rounded instead of added up, so that 3 × 0.1 is 0.3.
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/**
 * Estimates a quantile from a histogram's buckets.
 * @param bounds upper bounds, ascending
 * @param counts by bucket; one entry more than `bounds`
 * @param part from 0 to 1
 * @returns `null` without observations; the last bound if the quantile is above it
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
