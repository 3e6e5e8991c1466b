import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SPAN_MS } from "../../../../worker/admin/figures.ts";
import { EVERY_MS, PastFigures } from "../../../../worker/admin/past.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("five minutes of figures are kept, the oldest first, until it is stopped", () => {
  const past = new PastFigures(() => ({ at_ms: Date.now(), counters: {}, levels: {}, store: {} }));
  const startMs = Date.now();
  const times = () => past.samples.map(({ at_ms }) => at_ms - startMs);
  expect(times()).toEqual([]);
  past.start();
  expect(times()).toEqual([0]);
  vi.advanceTimersByTime(2 * EVERY_MS);
  expect(times()).toEqual([0, EVERY_MS, 2 * EVERY_MS]);
  vi.advanceTimersByTime(2 * SPAN_MS);
  expect(times()).toHaveLength(SPAN_MS / EVERY_MS + 1);
  expect(times().at(-1)! - times()[0]!).toBe(SPAN_MS);
  past.stop();
  const last = times().at(-1);
  vi.advanceTimersByTime(SPAN_MS);
  expect(times().at(-1)).toBe(last);
  expect(vi.getTimerCount()).toBe(0);
});
