/** `npm run growth` for GRASP with tiny sizes: that it measures, not how fast it is. */
import { expect, test } from "vitest";
import { events } from "../../bench/growth/grasp/events.ts";
import { repositories } from "../../bench/growth/grasp/repositories.ts";
import { subscriptions } from "../../bench/growth/grasp/subscriptions.ts";
import { waiting } from "../../bench/growth/grasp/waiting.ts";
import { chartOf, grow, table } from "../../bench/growth/measure.ts";
import { verdict } from "../../bench/growth/series.ts";

test.each([
  [events, [100, 200]],
  [repositories, [2, 4]],
  [waiting, [0, 20]],
  [subscriptions, [1, 5]],
])("the growth of $name is measured, drawn and described", async (growth, sizes) => {
  const grown = await grow(growth, sizes, { rounds: 1, turnMs: 1, maxTimes: 2, warmUpMs: 0 });
  expect(Object.keys(grown.lines).length).toBeGreaterThan(0);
  for (const micros of Object.values(grown.lines)) expect(micros).toHaveLength(sizes.length);
  expect(table(grown).split("\n")).toHaveLength(2 + Object.keys(grown.lines).length);
  expect(chartOf(grown)).toMatch(/^<svg/);
  expect(verdict(grown)).toMatch(/is flat|grows/);
});
