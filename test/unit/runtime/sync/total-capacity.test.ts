import { expect, test } from "vitest";
import { engineModule } from "./engine-module.ts";
import { Harness } from "./harness.ts";

/** Ten identifiers at each of these domains, whose fetches take a second. */
function newHarness(domains: readonly string[], maxConcurrentTotal?: number): Harness {
  const harness = new Harness(engineModule, { maxConcurrentTotal });
  harness.engine.start();
  for (const domain of domains) {
    harness.behaviours.set(domain, { kind: "serves", latencyMs: 1_000 });
    for (let i = 0; i < 10; i++) {
      harness.needsFrom(`${domain}-${i}`, ["x"], { [`https://${domain}/${i}`]: ["x"] });
      harness.engine.enqueue(`${domain}-${i}`, 0);
    }
  }
  return harness;
}

const DOMAINS = ["a.test", "b.test", "c.test", "d.test"];

test("maxConcurrentTotal bounds the fetches over all domains, and all identifiers complete", async () => {
  const harness = newHarness(DOMAINS, 3);
  let most = 0;
  harness.options.onStart = () => {
    most = Math.max(most, harness.underWay.size);
  };
  await harness.clock.run(30_000);
  expect(most).toBe(3);
  expect(harness.eventsOf("completed").length).toBe(40);
});

test("domains that wait for total capacity get turns in rounds", async () => {
  const harness = newHarness(DOMAINS, 1);
  await harness.clock.run(13_500);
  const order = harness.starts.map(({ domain }) => domain);
  // After the first fetch, of the main path, each round has every domain once.
  for (const from of [1, 5, 9]) expect(order.slice(from, from + 4).sort()).toEqual(DOMAINS);
});

test("without maxConcurrentTotal only the domains' limits bound the fetches", async () => {
  const harness = newHarness(DOMAINS);
  await harness.clock.run(1_500);
  expect(harness.underWay.size).toBe(20);
});
