import { expect, test } from "vitest";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { engineModule } from "./engine-module.ts";
import { Harness, type HarnessOptions } from "./harness.ts";

function newHarness(options: HarnessOptions = {}): Harness {
  const harness = new Harness(engineModule, options);
  harness.engine.start();
  return harness;
}

const sources = (harness: Harness) => harness.starts.map(({ source }) => source);

test("items are processed after each fetch, although one server of three hangs", async () => {
  const harness = newHarness();
  harness.behaviours.set("down.test", { kind: "hangs" });
  harness.needsFrom("a", ["x", "y", "z"], {
    "https://one.test/": ["x"],
    "https://two.test/": ["y"],
    "https://down.test/": ["z"],
  });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(1_100);
  expect(harness.processed).toEqual([
    { at: 1_010, identifier: "a", items: ["x"] },
    { at: 1_020, identifier: "a", items: ["y"] },
  ]);
  expect([...harness.needs.get("a")!]).toEqual(["z"]);
  harness.behaviours.set("down.test", { kind: "serves", latencyMs: 10 });
  await harness.clock.run(120_000);
  expect(harness.processed.length).toBe(3);
  // Only what was still missing was asked for again.
  expect(harness.starts.at(-1)!.items).toEqual(["z"]);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("the context is asked what is needed before each fetch, and a complete identifier is not fetched again", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x", "y"], {
    "https://one.test/": ["x"],
    "https://two.test/": ["x", "y"],
    "https://three.test/": ["x", "y"],
  });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  expect(harness.starts.map(({ domain, items }) => [domain, items])).toEqual([
    ["one.test", ["x", "y"]],
    ["two.test", ["y"]],
  ]);
});

test("the main path does not wait for a throttled domain: it asks the others and joins its queue", async () => {
  const harness = newHarness({
    limitsFor: (domain) => (domain === "busy.test" ? { maxConcurrent: 1 } : undefined),
  });
  harness.behaviours.set("busy.test", { kind: "serves", latencyMs: 15_000 });
  harness.needsFrom("first", ["x"], { "https://busy.test/first": ["x"] });
  harness.needsFrom("a", ["x", "y"], { "https://busy.test/a": ["x"], "https://free.test/a": ["y"] });
  harness.engine.enqueue("first", 0);
  harness.engine.enqueue("a", 100);
  await harness.clock.run(2_000);
  expect(sources(harness)).toEqual(["https://busy.test/first", "https://free.test/a"]);
  expect(harness.processed).toMatchObject([{ identifier: "a", items: ["y"] }]);
  // As soon as the busy domain has room, not after the backoff.
  await harness.clock.run(14_500);
  expect(harness.starts.at(-1)).toMatchObject({ source: "https://busy.test/a", at: 16_000, items: ["x"] });
  await harness.clock.run(15_000);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("the two paths keep separate sets of tried URLs", async () => {
  const harness = newHarness({ limits: { maxPerMinute: 1 } });
  harness.needsFrom("a", ["x"], { "https://one.test/1": [], "https://one.test/2": [] });
  harness.engine.enqueue("a", 0);
  // The main path tries the first and fills the window; the queue knows that and tries the second.
  await harness.clock.run(61_500);
  expect(sources(harness)).toEqual(["https://one.test/1", "https://one.test/2"]);
  expect(harness.engine.inspect()).toEqual({ queued: 1, domains: [] });
  // The next attempt finds the window full and has tried nothing: the queue starts again.
  await harness.clock.run(130_000);
  expect(sources(harness).slice(2)).toEqual(["https://one.test/1", "https://one.test/2"]);
});

test("an identifier is fetched once at a time from a domain, and continues there when the first fetch ends", async () => {
  const harness = newHarness({ mainPathConcurrency: 9 });
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 3_000 });
  harness.needsFrom("a", ["x", "y"], { "https://one.test/1": ["x"], "https://one.test/2": ["y"] });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(10_000);
  expect(harness.startTimes("a")).toEqual([1, 4]);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("the main path asks one source after the other by default", async () => {
  const harness = newHarness();
  for (let i = 0; i < 4; i++) harness.behaviours.set(`d${i}.test`, { kind: "serves", latencyMs: 2_000 });
  const urls = Object.fromEntries([0, 1, 2, 3].map((i) => [`https://d${i}.test/`, [`x${i}`]]));
  harness.needsFrom("a", ["x0", "x1", "x2", "x3"], urls);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(20_000);
  expect(harness.startTimes("a")).toEqual([1, 3, 5, 7]);
});

test("with mainPathPatience the next source is asked only when those that are asked stall or take long", async () => {
  const harness = newHarness({
    mainPathConcurrency: 3,
    mainPathPatience: { idleMs: 5_000, totalMs: 60_000 },
  });
  const urls = ["hangs", "quick", "trickles", "last"].map((name) => `https://${name}.test/a`);
  harness.behaviours.set("hangs.test", { kind: "serves", latencyMs: 300_000 });
  harness.behaviours.set("quick.test", { kind: "serves", latencyMs: 100 });
  harness.behaviours.set("trickles.test", { kind: "serves", latencyMs: 300_000 });
  harness.needsFrom("a", ["x"], Object.fromEntries(urls.map((url) => [url, []])));
  harness.engine.enqueue("a", 0);
  const asked = () => harness.starts.map(({ domain }) => domain.replace(".test", ""));
  await harness.clock.run(5_500);
  expect(asked()).toEqual(["hangs"]);
  await harness.clock.run(1_000);
  // The quick one had nothing; the third begins at once, as the first has stalled.
  expect(asked()).toEqual(["hangs", "quick", "trickles"]);
  await harness.clock.run(4_000);
  expect(asked()).toHaveLength(3);
  await harness.clock.run(1_500);
  expect(asked()).toEqual(["hangs", "quick", "trickles", "last"]);
});

test("mainPathConcurrency 3 runs at most three fetches of an identifier at once", async () => {
  const harness = newHarness({ mainPathConcurrency: 3 });
  const items = Array.from({ length: 8 }, (_, i) => `x${i}`);
  items.forEach((_, i) => {
    harness.behaviours.set(`d${i}.test`, { kind: "serves", latencyMs: 2_000 + i });
  });
  harness.needsFrom("a", items, Object.fromEntries(items.map((item, i) => [`https://d${i}.test/a`, [item]])));
  harness.engine.enqueue("a", 0);
  let most = 0;
  harness.options.onStart = () => {
    most = Math.max(most, harness.underWay.size);
  };
  await harness.clock.run(20_000);
  expect(most).toBe(3);
  expect(harness.startTimes("a")).toEqual([1, 1, 1, 3, 3.001, 3.002, 5.003, 5.005]);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("our own hosts and texts that are no URL with a host are never asked", async () => {
  const harness = newHarness({ ownHosts: ["Our.test", "our-port.test:8443"] });
  harness.needsFrom("a", ["x"], {
    "https://our.test/a": ["x"],
    "http://OUR.test./a": ["x"],
    "https://our-port.test:8443/a": ["x"],
    "not a URL": ["x"],
    "mailto:a@b.test": ["x"],
    "https://not-our.test/a": [],
    "https://our.test.evil.test/a": [],
    "https://our-port.test/a": [],
  });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(5_000);
  expect(sources(harness)).toEqual([
    "https://not-our.test/a",
    "https://our.test.evil.test/a",
    "https://our-port.test/a",
  ]);
});

test("a failing look-up is reported and repeated after the backoff; the identifier leaves the domain's queue", async () => {
  const harness = newHarness({ limits: { maxPerMinute: 1 } });
  harness.needsFrom("a", ["x"], { "https://one.test/1": [], "https://one.test/2": ["x"] });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(50_000);
  const { neededItems } = harness.context;
  harness.context.neededItems = () => Promise.reject(new Error("the store is down"));
  await harness.clock.run(60_000);
  expect(harness.starts.length).toBe(1);
  expect(harness.engine.inspect()).toEqual({ queued: 1, domains: [] });
  expect(harness.eventsOf("look-up-failed").length).toBeGreaterThan(0);
  harness.context.neededItems = neededItems;
  await harness.clock.run(200_000);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("a context that throws synchronously or hangs is treated like one that rejects", async () => {
  const harness = newHarness({ idleTimeoutMs: 5_000, lookTimeoutMs: 5_000 });
  const hasPending = harness.context.hasPending!;
  harness.needsFrom("a", ["x"], { "https://one.test/1": ["x"] });
  harness.engine.enqueue("a", 0);
  harness.context.hasPending = () => {
    throw new Error("thrown");
  };
  await harness.clock.run(2_000);
  harness.context.hasPending = () => {
    harness.clock.activity++;
    return new Promise(() => {});
  };
  harness.clock.thorough = true;
  await harness.clock.run(25_000);
  harness.context.hasPending = hasPending;
  const { fetch } = harness.context;
  harness.context.fetch = () => {
    throw new Error("thrown");
  };
  await harness.clock.run(50_000);
  expect(harness.engine.inspect().domains).toMatchObject([{ inFlight: 0, failures: 1 }]);
  harness.context.fetch = fetch;
  await harness.clock.run(100_000);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("items that could not be processed are fetched again later", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], { "https://one.test/1": ["x"] });
  const { process } = harness.context;
  harness.context.process = () => Promise.reject(new Error("the disk is full"));
  harness.engine.enqueue("a", 0);
  await harness.clock.run(5_000);
  expect(harness.eventsOf("process-failed")).toMatchObject([{ identifier: "a" }]);
  harness.context.process = process;
  await harness.clock.run(30_000);
  expect(harness.startTimes("a")).toEqual([1, 22]);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("tryNow works without start: it asks the sources whose domains have room and returns how far it came", async () => {
  const harness = new Harness(engineModule, { limits: { maxPerMinute: 1 } });
  harness.clock.thorough = true;
  const tryNow = async (identifier: string) => {
    const trial = harness.engine.tryNow(identifier);
    await harness.clock.run(100);
    return trial;
  };
  expect(await tryNow("unknown")).toBe("complete");
  harness.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  expect(await tryNow("a")).toBe("complete");
  harness.needsFrom("b", ["x", "y"], { "https://one.test/b": ["x"], "https://two.test/b": ["y"] });
  expect(await tryNow("b")).toBe("throttled");
  expect([...harness.needs.get("b")!]).toEqual(["x"]);
  harness.needsFrom("c", ["x"], { "https://three.test/c": [] });
  expect(await tryNow("c")).toBe("incomplete");
  harness.context.hasPending = () => Promise.reject(new Error("down"));
  expect(await tryNow("c")).toBe("incomplete");
  expect(harness.engineClock.timers).toBe(0);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("tryNow also completes a queued identifier", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  harness.engine.enqueue("a", 180_000);
  void harness.engine.tryNow("a");
  await harness.clock.run(500);
  expect(harness.engine.inspect().queued).toBe(0);
  expect(harness.counts.get("sync_completed_total")).toBe(1);
});

test("drop aborts the fetches of an identifier, drops what they bring, and prevents new ones", async () => {
  const harness = newHarness({
    limitsFor: (domain) => (domain === "busy.test" ? { maxConcurrent: 1 } : undefined),
  });
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 5_000 });
  harness.behaviours.set("busy.test", { kind: "serves", latencyMs: 5_000 });
  harness.needsFrom("first", ["x"], { "https://busy.test/first": ["x"] });
  harness.needsFrom("a", ["x", "y"], { "https://busy.test/a": ["x"], "https://one.test/a": ["y"] });
  harness.needsFrom("now", ["x"], { "https://two.test/now": ["x"], "https://one.test/now": ["x"] });
  harness.behaviours.set("two.test", { kind: "serves", latencyMs: 5_000 });
  for (const identifier of ["first", "a"]) harness.engine.enqueue(identifier, 0);
  await harness.clock.run(1_500);
  const trial = harness.engine.tryNow("now");
  await harness.clock.run(500);
  expect(harness.underWay.size).toBe(3);
  for (const identifier of ["a", "now", "unknown"]) harness.engine.drop(identifier);
  await harness.clock.run(0);
  expect(await trial).toBe("incomplete");
  expect([...harness.underWay].map(({ identifier }) => identifier)).toEqual(["first"]);
  await harness.clock.run(60_000);
  expect(harness.processed.map(({ identifier }) => identifier)).toEqual(["first"]);
  expect(harness.starts.filter(({ identifier }) => identifier !== "first").length).toBe(2);
  expect(harness.counts.get("domain_requests_total{domain=one.test,outcome=aborted}")).toBe(1);
  // It does not count as a failure of the domain, and the identifier may come back.
  harness.engine.enqueue("a", 0);
  await harness.clock.run(20_000);
  expect(harness.needs.get("a")!.size).toBe(0);
});

test("end aborts the fetches of an identifier, counts it as complete, and keeps what is set aside for a time", async () => {
  const harness = newHarness();
  harness.behaviours.set("slow.test", { kind: "serves", latencyMs: 60_000 });
  harness.behaviours.set("one.test", { kind: "refuses the source", latencyMs: 100, forMs: 3_600_000 });
  harness.needsFrom("a", ["x"], { "https://one.test/a": ["x"], "https://slow.test/a": ["x"] });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  expect([...harness.underWay].map(({ domain }) => domain)).toEqual(["slow.test"]);
  harness.needs.get("a")!.clear();
  harness.engine.end("a");
  harness.engine.end("unknown");
  await harness.clock.run(0);
  expect([harness.underWay.size, harness.engine.has("a")]).toEqual([0, false]);
  expect(harness.counts.get("sync_completed_total")).toBe(1);
  expect(harness.counts.get("domain_requests_total{domain=slow.test,outcome=aborted}")).toBe(1);
  harness.needs.get("a")!.add("x");
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  expect(harness.starts.map(({ domain }) => domain)).toEqual(["one.test", "slow.test", "slow.test"]);
  harness.engine.end("a", "expired");
  expect(harness.counts.get("sync_expired_total")).toBe(1);
});

test("items that arrive at the moment of a drop are not processed", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  harness.context.fetch = () =>
    new Promise((resolve) => {
      harness.clock.after(500, () => {
        harness.clock.activity++;
        resolve({ items: ["x"] });
        harness.engine.drop("a");
      });
    });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(3_000);
  expect(harness.processed).toEqual([]);
  expect(harness.engine.inspect()).toEqual({ queued: 0, domains: [] });
});

test("instances that share a store never work on one identifier at once, and one takes over from another", async () => {
  const harness = new Harness(engineModule);
  harness.clock.thorough = true;
  const store = memoryStore({ clock: harness.clock });
  const engines = ["east", "west"].map((holder) => {
    const options = { ...harness.options, lease: { store, holder } };
    return new engineModule.SyncEngine({
      ...options,
      clock: harness.engineClock,
      context: harness.context,
      limiter: harness.limiter,
    });
  });
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 8_000 });
  harness.behaviours.set("two.test", { kind: "serves", latencyMs: 8_000 });
  const identifiers = ["a", "b", "c", "d"];
  for (const identifier of identifiers) {
    const urls = { [`https://one.test/${identifier}`]: ["x"], [`https://two.test/${identifier}`]: ["y"] };
    harness.needsFrom(identifier, ["x", "y"], urls);
  }
  let most = 0;
  harness.options.onStart = ({ identifier }) => {
    most = Math.max(most, [...harness.underWay].filter((start) => start.identifier === identifier).length);
  };
  for (const engine of engines) {
    engine.start();
    for (const identifier of identifiers) engine.enqueue(identifier, 0);
  }
  await harness.clock.run(60_000);
  expect(most).toBe(1);
  expect(harness.starts.length).toBe(8);
  for (const identifier of identifiers) expect(harness.needs.get(identifier)!.size).toBe(0);
  for (const engine of engines) expect(engine.inspect().queued).toBe(0);
});
