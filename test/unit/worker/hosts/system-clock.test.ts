import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSystemClock } from "../../../../worker/hosts/system-clock.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("after calls back once, and not at all once it is cancelled", () => {
  const clock = createSystemClock();
  const calls: string[] = [];
  clock.after(10, () => calls.push("first"));
  const cancel = clock.after(10, () => calls.push("cancelled"));
  cancel();
  vi.advanceTimersByTime(100);
  expect(calls).toEqual(["first"]);
});

test("after does not fire at once for a delay that timers do not accept", () => {
  const clock = createSystemClock();
  let calls = 0;
  clock.after(2 ** 31, () => calls++);
  vi.advanceTimersByTime(2 ** 31 - 2);
  expect(calls).toBe(0);
  vi.advanceTimersByTime(1);
  expect(calls).toBe(1);
});

test("each timer is handed to `prepare`", () => {
  const prepared: unknown[] = [];
  createSystemClock((timer) => prepared.push(timer)).after(1, () => {});
  expect(prepared).toHaveLength(1);
});
