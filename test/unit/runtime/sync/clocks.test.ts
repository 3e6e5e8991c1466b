import { expect, test } from "vitest";
import { flushableClock, monotonicClock } from "../../../../runtime/sync/clocks.ts";
import { VirtualClock } from "./virtual-clock.ts";

test("monotonicClock keeps advancing from its last value when the wall clock is set back", () => {
  const clock = new VirtualClock();
  const steady = monotonicClock(clock);
  const begun = steady.now();
  clock.elapsed += 500;
  expect(steady.now() - begun).toBe(500);
  clock.jump(-3_600_000);
  expect(steady.now() - begun).toBe(500);
  clock.elapsed += 250;
  expect(steady.now() - begun).toBe(750);
  clock.jump(1_000);
  expect(steady.now() - begun).toBe(1_750);
});

test("monotonicClock follows the host's monotonic clock, whatever happens to the wall clock", () => {
  let wall = 1_000;
  let monotonic = 0;
  const clock = monotonicClock({ now: () => wall, monotonic: () => monotonic, after: () => () => {} });
  monotonic = 500.7;
  wall = 0;
  expect(clock.now()).toBe(1_500);
});

test("flush fires all pending timers of a flushable clock once, and none of a cancelled one", async () => {
  const clock = new VirtualClock();
  const flushable = flushableClock(clock);
  const fired: string[] = [];
  flushable.after(5_000, () => fired.push("pending"));
  flushable.after(5_000, () => fired.push("cancelled"))();
  flushable.after(10, () => fired.push("due"));
  await clock.run(10);
  expect(fired).toEqual(["due"]);
  flushable.flush();
  await clock.run(10_000);
  expect(fired).toEqual(["due", "pending"]);
});
