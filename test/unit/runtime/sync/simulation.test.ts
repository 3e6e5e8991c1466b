import { expect, test } from "vitest";
import { measureCost } from "../../../load/sync-cost.ts";
import { simulate, worstBytesEach } from "../../../load/sync-model.ts";

const size = { identifiers: 1_000, domains: 20, minutes: 5, seed: 1 };

test("a small simulation keeps every limit, reaches them, and loses no identifier", async () => {
  const { events, ...seen } = await simulate(size);
  expect(seen).toMatchObject({ mostInFlight: 5, mostInWindow: 30 });
  expect(events.completed).toBeGreaterThan(0);
  expect((events.completed ?? 0) + (events.expired ?? 0) + seen.queuedAtEnd).toBe(size.identifiers);
  expect(seen.stopped.identifiers).toBe(seen.queuedAtEnd);
});

test("all identifiers of a simulation can wait at once, each for all its domains", async () => {
  // It throws if fewer wait. The number of bytes means something only after a garbage collection.
  expect(await worstBytesEach({ ...size, domains: 200 })).toEqual(expect.any(Number));
});

test("the cost of a round can be measured", () => {
  expect(measureCost([[100, 10]], 3, 1_000)).toMatchObject([{ identifiers: 100, domains: 10 }]);
});
