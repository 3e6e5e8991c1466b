import { describe, expect, test } from "vitest";
import { isPending, settlesWithin, TimeoutError, valueWithin } from "../../../../runtime/lib/within.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const never = () => new Promise<never>(() => {});

test("isPending recognizes promises, also those of another realm", () => {
  // biome-ignore lint/suspicious/noThenProperty: it stands in for a promise of another realm
  expect([isPending(Promise.resolve(1)), isPending({ then() {} } as Promise<unknown>)]).toEqual([true, true]);
  expect([isPending(1), isPending(null), isPending(undefined), isPending({})]).toEqual(Array(4).fill(false));
});

describe("settlesWithin", () => {
  test("returns true when the work settles in time, and leaves no timer", async () => {
    const clock = manualClock();
    expect(await settlesWithin(Promise.resolve(), 10, clock)).toBe(true);
    expect(clock.waiting()).toBe(0);
  });

  test("returns false when the timeout passes first", async () => {
    const clock = manualClock();
    const settled = settlesWithin(never(), 10, clock);
    await clock.settle(10);
    expect(await settled).toBe(false);
  });

  test("rejects with the error of the work, and leaves no timer", async () => {
    const clock = manualClock();
    await expect(settlesWithin(Promise.reject(new Error("down")), 10, clock)).rejects.toThrow("down");
    expect(clock.waiting()).toBe(0);
  });
});

describe("valueWithin", () => {
  test("returns a plain value without a timer", async () => {
    const clock = manualClock();
    expect(await valueWithin(7, 10, clock)).toBe(7);
    expect(clock.waiting()).toBe(0);
  });

  test("returns the value of work that settles in time", async () => {
    expect(await valueWithin(Promise.resolve(7), 10, manualClock())).toBe(7);
  });

  test("rejects with TimeoutError when the timeout passes first", async () => {
    const clock = manualClock();
    const value = valueWithin(never(), 10, clock).catch((error) => error);
    await clock.settle(10);
    expect(await value).toBeInstanceOf(TimeoutError);
  });
});
