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

/** Identifiers whose name begins with `import` go behind all others. */
const goesLast = (identifier: string) => identifier.startsWith("import");

test("identifiers that go last wait behind all others of their domain, also behind later ones (X5)", async () => {
  const harness = new Harness(engineModule, { goesLast, limits: { maxConcurrent: 1 } });
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 1_000 });
  harness.engine.start();
  const enqueue = (identifier: string) => {
    harness.needsFrom(identifier, ["x"], { [`https://one.test/${identifier}`]: ["x"] });
    harness.engine.enqueue(identifier, 0);
  };
  for (let i = 0; i < 20; i++) enqueue(`import-${i}`);
  await harness.clock.run(3_500);
  const before = harness.starts.length;
  for (let i = 0; i < 3; i++) enqueue(`own-${i}`);
  await harness.clock.run(40_000);
  const order = harness.starts.map(({ identifier }) => identifier);
  // The one that runs is not aborted, and one turn may be given before the loop looks at the new ones.
  const later = order.slice(before, before + 5).filter((one) => one.startsWith("own"));
  expect(later).toEqual(["own-0", "own-1", "own-2"]);
  expect(order.slice(0, before).every((one) => goesLast(one))).toBe(true);
  expect(harness.eventsOf("completed").length).toBe(23);
});

test("domains where only those wait line up behind all other domains (X5)", async () => {
  const harness = new Harness(engineModule, { goesLast, maxConcurrentTotal: 1 });
  harness.engine.start();
  const add = (name: string, domain: string, count: number) => {
    harness.behaviours.set(domain, { kind: "serves", latencyMs: 1_000 });
    for (let i = 0; i < count; i++) {
      harness.needsFrom(`${name}-${i}`, ["x"], { [`https://${domain}/${name}-${i}`]: ["x"] });
      harness.engine.enqueue(`${name}-${i}`, 0);
    }
  };
  for (const domain of ["a.test", "b.test", "c.test"]) add(`import-${domain}`, domain, 10);
  await harness.clock.run(2_500);
  const before = harness.starts.length;
  add("own-b", "b.test", 2);
  add("own-d", "d.test", 2);
  await harness.clock.run(60_000);
  const order = harness.starts.map(({ identifier }) => identifier);
  const places = order.flatMap((one, at) => (one.startsWith("own") ? [at] : []));
  expect(places.length).toBe(4);
  expect(Math.max(...places)).toBeLessThan(before + 6);
  expect(harness.eventsOf("completed").length).toBe(34);
  // What went last had its turns in rounds, too.
  const rest = harness.starts.slice(Math.max(...places) + 1).map(({ domain }) => domain);
  expect(rest.slice(0, 3).sort()).toEqual(["a.test", "b.test", "c.test"]);
});
