import { expect, test } from "vitest";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { code } from "./code.ts";
import { Stage, type StageOptions } from "./stage.ts";

function newStage(options: StageOptions = {}): Stage {
  const stage = new Stage(code, options);
  stage.engine.start();
  return stage;
}

const sources = (stage: Stage) => stage.starts.map(({ source }) => source);

test("what came is released at once, though one server of three is down", async () => {
  const stage = newStage();
  stage.behaviours.set("down.test", { kind: "hangs" });
  stage.needsFrom("a", ["x", "y", "z"], {
    "https://one.test/": ["x"],
    "https://two.test/": ["y"],
    "https://down.test/": ["z"],
  });
  stage.engine.enqueue("a", 0);
  await stage.clock.run(1_100);
  expect(stage.processed).toEqual([
    { at: 1_010, identifier: "a", items: ["x"] },
    { at: 1_020, identifier: "a", items: ["y"] },
  ]);
  expect([...stage.needs.get("a")!]).toEqual(["z"]);
  stage.behaviours.set("down.test", { kind: "serves", latencyMs: 10 });
  await stage.clock.run(120_000);
  expect(stage.processed.length).toBe(3);
  // Only what was still missing was asked for again.
  expect(stage.starts.at(-1)!.items).toEqual(["z"]);
  expect(stage.engine.inspect().queued).toBe(0);
});

test("what is needed is asked anew before each fetch, and one is the last", async () => {
  const stage = newStage();
  stage.needsFrom("a", ["x", "y"], {
    "https://one.test/": ["x"],
    "https://two.test/": ["x", "y"],
    "https://three.test/": ["x", "y"],
  });
  stage.engine.enqueue("a", 0);
  await stage.clock.run(2_000);
  expect(stage.starts.map(({ domain, items }) => [domain, items])).toEqual([
    ["one.test", ["x", "y"]],
    ["two.test", ["y"]],
  ]);
});

test("the main path does not wait for a throttled domain: it asks the others and hands over", async () => {
  const stage = newStage({
    limitsFor: (domain) => (domain === "busy.test" ? { maxConcurrent: 1 } : undefined),
  });
  stage.behaviours.set("busy.test", { kind: "serves", latencyMs: 15_000 });
  stage.needsFrom("first", ["x"], { "https://busy.test/first": ["x"] });
  stage.needsFrom("a", ["x", "y"], { "https://busy.test/a": ["x"], "https://free.test/a": ["y"] });
  stage.engine.enqueue("first", 0);
  stage.engine.enqueue("a", 100);
  await stage.clock.run(2_000);
  expect(sources(stage)).toEqual(["https://busy.test/first", "https://free.test/a"]);
  expect(stage.processed).toMatchObject([{ identifier: "a", items: ["y"] }]);
  // As soon as the busy one has room, not when the backoff is over.
  await stage.clock.run(14_500);
  expect(stage.starts.at(-1)).toMatchObject({ source: "https://busy.test/a", at: 16_000, items: ["x"] });
  await stage.clock.run(15_000);
  expect(stage.engine.inspect().queued).toBe(0);
});

test("the two paths keep separate sets of tried URLs", async () => {
  const stage = newStage({ limits: { maxPerMinute: 1 } });
  stage.needsFrom("a", ["x"], { "https://one.test/1": [], "https://one.test/2": [] });
  stage.engine.enqueue("a", 0);
  // The main path tries the first; the window is full; the queue, which knows of that, tries the second.
  await stage.clock.run(61_500);
  expect(sources(stage)).toEqual(["https://one.test/1", "https://one.test/2"]);
  expect(stage.engine.inspect()).toEqual({ queued: 1, domains: [] });
  // The next attempt of the main path finds the window full and has tried nothing itself: the queue begins again.
  await stage.clock.run(130_000);
  expect(sources(stage).slice(2)).toEqual(["https://one.test/1", "https://one.test/2"]);
});

test("an identifier is never fetched twice at once from one domain, and goes on there when the first settles", async () => {
  const stage = newStage({ mainPathConcurrency: 9 });
  stage.behaviours.set("one.test", { kind: "serves", latencyMs: 3_000 });
  stage.needsFrom("a", ["x", "y"], { "https://one.test/1": ["x"], "https://one.test/2": ["y"] });
  stage.engine.enqueue("a", 0);
  await stage.clock.run(10_000);
  expect(stage.startTimes("a")).toEqual([1, 4]);
  expect(stage.engine.inspect().queued).toBe(0);
});

test("by default the main path asks one source after the other", async () => {
  const stage = newStage();
  for (let i = 0; i < 4; i++) stage.behaviours.set(`d${i}.test`, { kind: "serves", latencyMs: 2_000 });
  const urls = Object.fromEntries([0, 1, 2, 3].map((i) => [`https://d${i}.test/`, [`x${i}`]]));
  stage.needsFrom("a", ["x0", "x1", "x2", "x3"], urls);
  stage.engine.enqueue("a", 0);
  await stage.clock.run(20_000);
  expect(stage.startTimes("a")).toEqual([1, 3, 5, 7]);
});

test("with a main path of three, three are under way at once and no more", async () => {
  const stage = newStage({ mainPathConcurrency: 3 });
  const items = Array.from({ length: 8 }, (_, i) => `x${i}`);
  items.forEach((_, i) => {
    stage.behaviours.set(`d${i}.test`, { kind: "serves", latencyMs: 2_000 + i });
  });
  stage.needsFrom("a", items, Object.fromEntries(items.map((item, i) => [`https://d${i}.test/a`, [item]])));
  stage.engine.enqueue("a", 0);
  let most = 0;
  stage.options.onStart = () => {
    most = Math.max(most, stage.underWay.size);
  };
  await stage.clock.run(20_000);
  expect(most).toBe(3);
  expect(stage.startTimes("a")).toEqual([1, 1, 1, 3, 3.001, 3.002, 5.003, 5.005]);
  expect(stage.engine.inspect().queued).toBe(0);
});

test("our own host is never asked, nor what is no URL with a host", async () => {
  const stage = newStage({ ownHosts: ["Our.test", "our-port.test:8443"] });
  stage.needsFrom("a", ["x"], {
    "https://our.test/a": ["x"],
    "http://OUR.test./a": ["x"],
    "https://our-port.test:8443/a": ["x"],
    "not a URL": ["x"],
    "mailto:a@b.test": ["x"],
    "https://not-our.test/a": [],
    "https://our.test.evil.test/a": [],
    "https://our-port.test/a": [],
  });
  stage.engine.enqueue("a", 0);
  await stage.clock.run(5_000);
  expect(sources(stage)).toEqual([
    "https://not-our.test/a",
    "https://our.test.evil.test/a",
    "https://our-port.test/a",
  ]);
});

test("a context that fails is warned about and tried again after the backoff; a domain's queue lets it go", async () => {
  const stage = newStage({ limits: { maxPerMinute: 1 } });
  stage.needsFrom("a", ["x"], { "https://one.test/1": [], "https://one.test/2": ["x"] });
  stage.engine.enqueue("a", 0);
  await stage.clock.run(50_000);
  const { neededItems } = stage.context;
  stage.context.neededItems = () => Promise.reject(new Error("the store is down"));
  await stage.clock.run(60_000);
  expect(stage.starts.length).toBe(1);
  expect(stage.engine.inspect()).toEqual({ queued: 1, domains: [] });
  expect(stage.logged.some(({ message }) => message === "what is needed could not be looked up")).toBe(true);
  stage.context.neededItems = neededItems;
  await stage.clock.run(200_000);
  expect(stage.engine.inspect().queued).toBe(0);
});

test("a context that throws instead of rejecting, or hangs, is no worse", async () => {
  const stage = newStage({ fetchTimeoutMs: 5_000 });
  const { hasPending } = stage.context;
  stage.needsFrom("a", ["x"], { "https://one.test/1": ["x"] });
  stage.engine.enqueue("a", 0);
  stage.context.hasPending = () => {
    throw new Error("thrown");
  };
  await stage.clock.run(2_000);
  stage.context.hasPending = () => {
    stage.clock.activity++;
    return new Promise(() => {});
  };
  stage.clock.thorough = true;
  await stage.clock.run(25_000);
  stage.context.hasPending = hasPending;
  const { fetch } = stage.context;
  stage.context.fetch = () => {
    throw new Error("thrown");
  };
  await stage.clock.run(50_000);
  expect(stage.engine.inspect().domains).toMatchObject([{ inFlight: 0, failures: 1 }]);
  stage.context.fetch = fetch;
  await stage.clock.run(100_000);
  expect(stage.engine.inspect().queued).toBe(0);
});

test("what could not be processed is fetched again later", async () => {
  const stage = newStage();
  stage.needsFrom("a", ["x"], { "https://one.test/1": ["x"] });
  const { process } = stage.context;
  stage.context.process = () => Promise.reject(new Error("the disk is full"));
  stage.engine.enqueue("a", 0);
  await stage.clock.run(5_000);
  expect(stage.logged.some(({ message }) => message === "what was fetched could not be processed")).toBe(
    true,
  );
  stage.context.process = process;
  await stage.clock.run(30_000);
  expect(stage.startTimes("a")).toEqual([1, 22]);
  expect(stage.engine.inspect().queued).toBe(0);
});

test("tryNow needs no loop: it asks whoever has room and says how far it came", async () => {
  const stage = new Stage(code, { limits: { maxPerMinute: 1 } });
  stage.clock.thorough = true;
  const tryNow = async (identifier: string) => {
    const trial = stage.engine.tryNow(identifier);
    await stage.clock.run(100);
    return trial;
  };
  expect(await tryNow("nobody")).toBe("complete");
  stage.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  expect(await tryNow("a")).toBe("complete");
  stage.needsFrom("b", ["x", "y"], { "https://one.test/b": ["x"], "https://two.test/b": ["y"] });
  expect(await tryNow("b")).toBe("throttled");
  expect([...stage.needs.get("b")!]).toEqual(["x"]);
  stage.needsFrom("c", ["x"], { "https://three.test/c": [] });
  expect(await tryNow("c")).toBe("incomplete");
  stage.context.hasPending = () => Promise.reject(new Error("down"));
  expect(await tryNow("c")).toBe("incomplete");
  expect(stage.engineClock.timers).toBe(0);
  expect(stage.engine.inspect().queued).toBe(0);
});

test("tryNow completes what waits in the queue as well", async () => {
  const stage = newStage();
  stage.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  stage.engine.enqueue("a", 180_000);
  void stage.engine.tryNow("a");
  await stage.clock.run(500);
  expect(stage.engine.inspect().queued).toBe(0);
  expect(stage.counts.get("sync_completed_total")).toBe(1);
});

test("a dropped identifier is fetched no more, what is in flight is aborted, and what it brings is not processed", async () => {
  const stage = newStage({
    limitsFor: (domain) => (domain === "busy.test" ? { maxConcurrent: 1 } : undefined),
  });
  stage.behaviours.set("one.test", { kind: "serves", latencyMs: 5_000 });
  stage.behaviours.set("busy.test", { kind: "serves", latencyMs: 5_000 });
  stage.needsFrom("first", ["x"], { "https://busy.test/first": ["x"] });
  stage.needsFrom("a", ["x", "y"], { "https://busy.test/a": ["x"], "https://one.test/a": ["y"] });
  stage.needsFrom("now", ["x"], { "https://two.test/now": ["x"], "https://one.test/now": ["x"] });
  stage.behaviours.set("two.test", { kind: "serves", latencyMs: 5_000 });
  for (const identifier of ["first", "a"]) stage.engine.enqueue(identifier, 0);
  await stage.clock.run(1_500);
  const trial = stage.engine.tryNow("now");
  await stage.clock.run(500);
  expect(stage.underWay.size).toBe(3);
  for (const identifier of ["a", "now", "unknown"]) stage.engine.drop(identifier);
  await stage.clock.run(0);
  expect(await trial).toBe("incomplete");
  expect([...stage.underWay].map(({ identifier }) => identifier)).toEqual(["first"]);
  await stage.clock.run(60_000);
  expect(stage.processed.map(({ identifier }) => identifier)).toEqual(["first"]);
  expect(stage.starts.filter(({ identifier }) => identifier !== "first").length).toBe(2);
  expect(stage.counts.get("domain_requests_total{domain=one.test,outcome=aborted}")).toBe(1);
  // Its domain is not blamed, and it may come back.
  stage.engine.enqueue("a", 0);
  await stage.clock.run(20_000);
  expect(stage.needs.get("a")!.size).toBe(0);
});

test("what arrives in the very moment of a drop is not processed", async () => {
  const stage = newStage();
  stage.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  stage.context.fetch = () =>
    new Promise((resolve) => {
      stage.clock.after(500, () => {
        stage.clock.activity++;
        resolve(["x"]);
        stage.engine.drop("a");
      });
    });
  stage.engine.enqueue("a", 0);
  await stage.clock.run(3_000);
  expect(stage.processed).toEqual([]);
  expect(stage.engine.inspect()).toEqual({ queued: 0, domains: [] });
});

test("several instances on one store never work on one identifier at once, and one takes over from another", async () => {
  const stage = new Stage(code);
  stage.clock.thorough = true;
  const store = memoryStore({ clock: stage.clock });
  const engines = ["east", "west"].map((holder) => {
    const options = { ...stage.options, lease: { store, holder }, log: stage.log, metrics: stage.metrics };
    return new code.SyncEngine({
      ...options,
      clock: stage.engineClock,
      context: stage.context,
      limiter: stage.limiter,
    });
  });
  stage.behaviours.set("one.test", { kind: "serves", latencyMs: 8_000 });
  stage.behaviours.set("two.test", { kind: "serves", latencyMs: 8_000 });
  const identifiers = ["a", "b", "c", "d"];
  for (const identifier of identifiers) {
    const urls = { [`https://one.test/${identifier}`]: ["x"], [`https://two.test/${identifier}`]: ["y"] };
    stage.needsFrom(identifier, ["x", "y"], urls);
  }
  let most = 0;
  stage.options.onStart = ({ identifier }) => {
    most = Math.max(most, [...stage.underWay].filter((start) => start.identifier === identifier).length);
  };
  for (const engine of engines) {
    engine.start();
    for (const identifier of identifiers) engine.enqueue(identifier, 0);
  }
  await stage.clock.run(60_000);
  expect(most).toBe(1);
  expect(stage.starts.length).toBe(8);
  for (const identifier of identifiers) expect(stage.needs.get(identifier)!.size).toBe(0);
  for (const engine of engines) expect(engine.inspect().queued).toBe(0);
});
