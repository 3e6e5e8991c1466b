import { describe, expect, test } from "vitest";
import { Operations, StoreGuard, TimeoutError, withHint, within } from "../../../../runtime/stores/guard.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const HALF_A_PAIR = "\ud800";

describe("StoreGuard", () => {
  test("refuses keys and values with half of a surrogate pair", () => {
    const guard = new StoreGuard("the test store");
    expect(() => guard.mustBeUsable(HALF_A_PAIR)).toThrow(TypeError);
    expect(() => guard.mustBeText("value", HALF_A_PAIR)).toThrow(/value.*the test store/);
    expect(() => guard.mustBeUsable("a\0b")).not.toThrow();
  });

  test("refuses NUL characters if the store does not keep them", () => {
    const guard = new StoreGuard("the test store", { keepsNul: false });
    expect(() => guard.mustBeUsable("a\0b")).toThrow(TypeError);
    expect(() => guard.mustBeUsable("ab")).not.toThrow();
  });

  test("refuses every use after close", () => {
    const guard = new StoreGuard("the test store");
    guard.mustBeOpen();
    guard.close();
    expect(guard.isClosed).toBe(true);
    expect(() => guard.mustBeOpen()).toThrow("the test store is closed");
    expect(() => guard.mustBeUsable("key")).toThrow("the test store is closed");
  });
});

describe("withHint", () => {
  test("adds the hint of the first pattern that matches, and keeps the cause", () => {
    const cause = new Error("disk full");
    const error = withHint("store", cause, [
      [/full/, "free some space"],
      [/disk/, "check the disk"],
    ]);
    expect(error.message).toBe("store: disk full (free some space)");
    expect(error.cause).toBe(cause);
  });

  test("adds no hint if no pattern matches", () => {
    expect(withHint("store", "odd", [[/full/, "free some space"]]).message).toBe("store: odd");
  });
});

describe("within", () => {
  test("rejects with a TimeoutError when the time is over, not before", async () => {
    const clock = manualClock();
    const waiting = within(new Promise(() => {}), 1000, clock);
    let outcome: unknown = "pending";
    waiting.catch((error) => {
      outcome = error;
    });
    await clock.settle(999);
    expect(outcome).toBe("pending");
    await clock.settle(1);
    expect(outcome).toBeInstanceOf(TimeoutError);
  });

  test("settles as the work does, and leaves no timer", async () => {
    const clock = manualClock();
    expect(await within(Promise.resolve(1), 1000, clock)).toBe(1);
    await expect(within(Promise.reject(new Error("broken")), 1000, clock)).rejects.toThrow("broken");
    expect(clock.waiting()).toBe(0);
  });
});

describe("Operations", () => {
  const create = (maxPending?: number) =>
    new Operations({
      name: "the test store",
      explain: (cause) => withHint("test", cause, []),
      ...(maxPending === undefined ? {} : { maxPending }),
    });

  test("reject with the explained error", async () => {
    await expect(create().run(() => Promise.reject(new Error("broken")))).rejects.toThrow("test: broken");
  });

  test("are refused while the maximum number is pending", async () => {
    const operations = create(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = operations.run(() => promise);
    await expect(operations.run(async () => {})).rejects.toThrow("test: ");
    resolve();
    await first;
    await operations.run(async () => {});
  });

  test("close waits for pending operations and refuses further ones", async () => {
    const operations = create();
    const { promise, resolve } = Promise.withResolvers<string>();
    const pending = operations.run(() => promise);
    let isClosed = false;
    const closing = operations.close().then(() => {
      isClosed = true;
    });
    await expect(operations.run(async () => {})).rejects.toThrow("the test store is closed");
    expect(isClosed).toBe(false);
    resolve("done");
    await closing;
    expect(await pending).toBe("done");
  });
});
