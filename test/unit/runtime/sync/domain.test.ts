import { expect, test } from "vitest";
import { Domains } from "../../../../runtime/sync/domains.ts";
import type { Permit, Waiter } from "../../../../runtime/sync/permit.ts";
import type { DomainLimits } from "../../../../runtime/sync/schedule.ts";
import { FAILURES_TO_REST, restMs } from "../../../../runtime/sync/schedule.ts";
import { engineModule } from "./engine-module.ts";
import { Harness, type HarnessOptions, plainLimiter } from "./harness.ts";
import { hotPathLimiter } from "./hot-path-limiter.ts";

/** A harness in which identifiers i0, i1, … each need one item that one URL of `one.test` has. */
function waitingIdentifiers(count: number, options: HarnessOptions = {}): Harness {
  const harness = new Harness(engineModule, options);
  harness.engine.start();
  for (let i = 0; i < count; i++) {
    harness.needsFrom(`i${i}`, ["x"], { [`https://one.test/${i}`]: ["x"] });
    harness.engine.enqueue(`i${i}`, 0);
  }
  return harness;
}

/** Domains without an engine. Their timers never fire. */
function domainsOf(
  maxConcurrent: number,
  onTurn: (waiter: Waiter, permit: Permit) => void,
  now: () => number = () => 0,
): Domains {
  return new Domains({
    clock: { now, after: () => () => {} },
    limiter: hotPathLimiter(() => 0),
    keyPrefix: "",
    maxConcurrentTotal: undefined,
    limits: { maxConcurrent },
    limitsFor: undefined,
    goesLast: undefined,
    emit: undefined,
    onTurn,
  });
}

const seconds = (harness: Harness) => harness.starts.map(({ at }) => at / 1000);
const served = (harness: Harness) => harness.starts.map(({ identifier }) => identifier);

test.for([
  ["the hot path's windows", hotPathLimiter],
  ["a limiter that remembers every take", plainLimiter],
] as const)(
  "the 31st request of a minute waits until the first is 60 seconds old, on %s",
  async ([, limiter]) => {
    const harness: Harness = waitingIdentifiers(31, { limiter: limiter(() => harness.clock.now()) });
    await harness.clock.run(60_999);
    expect(harness.starts.length).toBe(30);
    const first = harness.starts[0]!.at;
    await harness.clock.run(10_000);
    expect(harness.starts.length).toBe(31);
    expect(harness.starts[30]!.at).toBe(first + 60_000);
  },
);

test("the sixth fetch waits until one of five ends", async () => {
  const harness = waitingIdentifiers(7);
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 2_500 });
  await harness.clock.run(3_000);
  expect(harness.starts.length).toBe(5);
  expect(harness.inFlight("one.test")).toBe(5);
  await harness.clock.run(1_000);
  expect(seconds(harness)).toEqual([1, 1, 1, 1, 1, 3.5, 3.5]);
});

test("a domain whose window is full with nothing in flight continues when the window opens", async () => {
  const harness = waitingIdentifiers(3, { limits: { maxPerMinute: 2 } });
  await harness.clock.run(2_000);
  expect(harness.inFlight("one.test")).toBe(0);
  expect(harness.engine.inspect().domains).toMatchObject([{ waiting: 1, inFlight: 0 }]);
  // Two timers: the loop's and the domain's. The backoff ends at 21 and finds the window full.
  expect(harness.engineClock.timers).toBe(2);
  await harness.clock.run(59_500);
  expect(seconds(harness)).toEqual([1, 1, 61]);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("each domain has its own limits, and a domain is the host in lower case", async () => {
  const harness = new Harness(engineModule, { limits: { maxPerMinute: 1 } });
  harness.engine.start();
  const urls = [
    "https://ONE.test/a",
    "https://one.TEST./b",
    "http://one.test/c",
    "https://one.test:443/d",
    "https://two.test/e",
    "https://one.test:8443/f",
  ];
  urls.forEach((url, i) => {
    harness.needsFrom(`i${i}`, ["x"], { [url]: ["x"] });
    harness.engine.enqueue(`i${i}`, 0);
  });
  await harness.clock.run(5_000);
  expect(harness.starts.map(({ domain }) => domain).sort()).toEqual([
    "one.test",
    "one.test:8443",
    "two.test",
  ]);
});

test("limitsFor sets limits by domain, and they may change while the engine runs", async () => {
  const limits = new Map<string, Partial<DomainLimits>>([["one.test", { maxConcurrent: 2 }]]);
  const harness = waitingIdentifiers(40, { limitsFor: (domain) => limits.get(domain) });
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 5_000 });
  await harness.clock.run(1_000);
  expect(harness.inFlight("one.test")).toBe(2);
  limits.set("one.test", { maxConcurrent: 7 });
  harness.engine.limitsChanged("one.test");
  await harness.clock.run(0);
  expect(harness.inFlight("one.test")).toBe(7);
  limits.set("one.test", { maxConcurrent: 3 });
  await harness.clock.run(5_000);
  // A lower limit does not end running fetches; new ones obey it.
  expect(harness.inFlight("one.test")).toBe(3);
});

test("limitsChanged opens a full window when its limit was raised", async () => {
  let maxPerMinute = 2;
  const harness = waitingIdentifiers(6, { limitsFor: () => ({ maxPerMinute }) });
  await harness.clock.run(10_000);
  expect(harness.starts.length).toBe(2);
  maxPerMinute = 5;
  harness.engine.limitsChanged("one.test");
  await harness.clock.run(1_000);
  expect(harness.starts.length).toBe(5);
});

test("a limit of 0 pauses a domain until it is raised", async () => {
  let maxConcurrent = 0;
  const harness = waitingIdentifiers(3, { limitsFor: () => ({ maxConcurrent }) });
  await harness.clock.run(600_000);
  expect(harness.starts).toEqual([]);
  maxConcurrent = 5;
  harness.engine.limitsChanged("one.test");
  harness.engine.limitsChanged("unknown.test");
  await harness.clock.run(1_000);
  expect(harness.starts.length).toBe(3);
});

test("identifiers get turns in rounds: one with many URLs does not starve the others", async () => {
  const harness = new Harness(engineModule, { limits: { maxConcurrent: 1, maxPerMinute: 1 } });
  harness.engine.start();
  // The first start is the main path's; it fills the window, and the others join the queue.
  harness.needsFrom("z", ["x"], { "https://one.test/z": ["x"] });
  harness.engine.enqueue("z", 0);
  await harness.clock.run(1_100);
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`https://one.test/a${i}`, []]));
  harness.needsFrom("a", ["x"], many);
  for (const identifier of ["b", "c"]) {
    const urls = { [`https://one.test/${identifier}1`]: [], [`https://one.test/${identifier}2`]: ["x"] };
    harness.needsFrom(identifier, ["x"], urls);
  }
  for (const identifier of ["a", "b", "c"]) harness.engine.enqueue(identifier, 0);
  await harness.clock.run(9 * 60_000);
  expect(served(harness)).toEqual(["z", "a", "b", "c", "a", "b", "c", "a", "a", "a"]);
});

test("a new identifier joins the back of the queue, even at the moment the window opens", async () => {
  const harness = waitingIdentifiers(3, { limits: { maxPerMinute: 1 } });
  await harness.clock.run(60_000);
  // At 61 the loop looks and the window opens; whichever timer is first, i1 and i2 are ahead.
  harness.needsFrom("new", ["x"], { "https://one.test/new": ["x"] });
  harness.engine.enqueue("new", 0);
  await harness.clock.run(4 * 60_000);
  expect(served(harness)).toEqual(["i0", "i1", "i2", "new"]);
});

test("an identifier that was dropped and joins again gets its turn when its old fetch has ended", () => {
  const turns: Permit[] = [];
  const domains = domainsOf(2, (_, permit) => turns.push(permit));
  domains.join("a", "one.test", new Set());
  domains.leaveAll("a");
  domains.join("a", "one.test", new Set());
  expect(turns.length).toBe(1);
  turns[0]!.end("aborted");
  expect(turns.length).toBe(2);
});

test("tryNow returns 'throttled' while another identifier waits for the window", async () => {
  const harness = waitingIdentifiers(3, { limits: { maxPerMinute: 1 } });
  await harness.clock.run(2_000);
  // The window is open again before the domain's timer fires.
  harness.clock.jump(60_000);
  harness.needsFrom("now", ["x"], { "https://one.test/now": ["x"] });
  const trial = harness.engine.tryNow("now");
  await harness.clock.run(0);
  expect(await trial).toBe("throttled");
  expect(served(harness)).toEqual(["i0"]);
  await harness.clock.run(60_000);
  expect(served(harness)).toEqual(["i0", "i1"]);
});

test("a hanging fetch holds its permit until the timeout", async () => {
  const harness = waitingIdentifiers(8, { totalTimeoutMs: 4_000, limits: { maxConcurrent: 4 } });
  harness.behaviours.set("one.test", { kind: "hangs" });
  await harness.clock.run(4_999);
  expect(harness.starts.length).toBe(4);
  await harness.clock.run(2);
  expect(harness.starts.length).toBe(8);
  await harness.clock.run(1_000);
  expect(harness.counts.get("domain_requests_total{domain=one.test,outcome=timeout}")).toBe(4);
});

test("an aborted fetch counts as in flight until it ends or its grace is over, and its items are dropped", async () => {
  const harness = waitingIdentifiers(2, { totalTimeoutMs: 4_000, limits: { maxConcurrent: 1 } });
  const { fetch } = harness.context;
  harness.context.fetch = (identifier, source, items, call) => {
    if (identifier !== "i0") return fetch(identifier, source, items, call);
    harness.starts.push({
      at: harness.clock.elapsed,
      identifier,
      source: source.url,
      domain: "one.test",
      items,
    });
    // It delivers 200 ms after it was aborted.
    return new Promise((resolve) => {
      call.signal.addEventListener("abort", () => {
        harness.clock.after(200, () => {
          harness.clock.activity++;
          resolve({ items: ["x"] });
        });
      });
    });
  };
  harness.clock.thorough = true;
  await harness.clock.run(6_000);
  expect(seconds(harness)).toEqual([1, 5.2]);
  expect(harness.processed.map(({ identifier }) => identifier)).toEqual(["i1"]);
  harness.engine.drop("i0");
  harness.behaviours.set("one.test", { kind: "ignores the signal" });
  harness.needsFrom("i3", ["x"], { "https://one.test/3": ["x"] });
  harness.engine.enqueue("i3", 0);
  // Starts at 7, is aborted at 11, and its grace ends at 11.5.
  await harness.clock.run(5_400);
  expect(harness.engine.inspect().domains).toMatchObject([{ inFlight: 1 }]);
  await harness.clock.run(200);
  expect(harness.engine.inspect().domains).toMatchObject([{ inFlight: 0, failures: 1 }]);
});

test("five failures in a row put a domain to rest, with backoff; then it is probed by one fetch at a time", async () => {
  expect(FAILURES_TO_REST).toBe(5);
  expect([1, 2, 3, 4, 5, 6, 9].map((rests) => restMs(rests) / 1000)).toEqual([
    30, 60, 120, 240, 480, 600, 600,
  ]);
  const harness = waitingIdentifiers(20, { limits: { maxPerMinute: 1_000 } });
  harness.behaviours.set("one.test", { kind: "fails", latencyMs: 100 });
  await harness.clock.run(1_050);
  expect(harness.starts.length).toBe(5);
  await harness.clock.run(29_000);
  // At 1.1 the five fail, one after the other. Four are replaced before the fifth puts the domain to rest until 31.1.
  expect(harness.starts.length).toBe(9);
  await harness.clock.run(1_100);
  expect(seconds(harness).slice(9)).toEqual([31.1]);
  // The probe fails at 31.2: a rest of 60 seconds, then one probe, which fails: 120.
  await harness.clock.run(60_100);
  expect(seconds(harness).slice(9)).toEqual([31.1, 91.2]);
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 100 });
  await harness.clock.run(120_099);
  expect(seconds(harness).slice(11)).toEqual([211.3]);
  // It succeeds: five at once again.
  await harness.clock.run(150);
  expect(harness.inFlight("one.test")).toBe(5);
});

test("only failures in a row count, and an empty answer is a success", async () => {
  const harness = waitingIdentifiers(12, { limits: { maxConcurrent: 1, maxPerMinute: 1_000 } });
  let calls = 0;
  harness.options.onStart = () => {
    calls++;
    const kind = calls % 5 === 0 ? "serves" : "fails";
    harness.behaviours.set("one.test", { kind, latencyMs: 10 });
  };
  harness.sources.forEach((urls) => {
    for (const url of urls.keys()) urls.set(url, []);
  });
  await harness.clock.run(5_000);
  expect(calls).toBe(12);
  expect(harness.counts.get("domain_requests_total{domain=one.test,outcome=empty}")).toBe(2);
  expect(harness.eventsOf("domain-rested")).toEqual([]);
});

test("RateLimited stops all fetches from the domain for that time and is no failure", async () => {
  const harness = waitingIdentifiers(3, { limits: { maxConcurrent: 1 } });
  harness.behaviours.set("one.test", { kind: "limits", latencyMs: 10, retryAfterMs: 45_000 });
  await harness.clock.run(2_000);
  expect(harness.starts.length).toBe(1);
  expect(harness.engine.inspect().domains).toMatchObject([{ failures: 0, rests: 0, opensInMs: 44_010 }]);
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 10 });
  await harness.clock.run(44_009);
  expect(harness.starts.length).toBe(1);
  await harness.clock.run(100);
  expect(served(harness)).toEqual(["i0", "i1", "i2", "i0"]);
  expect(harness.engine.inspect().queued).toBe(0);
  expect(harness.counts.get("domain_requests_total{domain=one.test,outcome=limited}")).toBe(1);
});

test("a resting domain is not asked, even for a source that was chosen before the rest", async () => {
  const harness = waitingIdentifiers(2, { lookMs: 1_000, limits: { maxConcurrent: 2 } });
  harness.behaviours.set("one.test", { kind: "limits", latencyMs: 500, retryAfterMs: 30_000 });
  // Both look-ups end at 4, and the second a little later.
  const { sources } = harness.context;
  harness.context.sources = async (identifier, items) => {
    const urls = await sources(identifier, items);
    if (identifier === "i1") await new Promise<void>((resolve) => harness.clock.after(600, resolve));
    return urls;
  };
  harness.clock.thorough = true;
  await harness.clock.run(34_000);
  expect(served(harness)).toEqual(["i0"]);
});

test.for([
  [null, 60_000],
  [0, 1_000],
  [10 * 24 * 3_600_000, 24 * 3_600_000],
] as const)("after RateLimited(%s) the domain is not asked for %s ms", async ([retryAfterMs, rest]) => {
  const harness = waitingIdentifiers(1);
  harness.behaviours.set("one.test", { kind: "limits", latencyMs: 0, retryAfterMs });
  await harness.clock.run(1_000);
  expect(harness.engine.inspect().domains).toMatchObject([{ opensInMs: rest }]);
});

test("when the limiter fails, nothing is fetched, and it is asked again a second later", async () => {
  let works = false;
  const limiter = plainLimiter(() => 0);
  const harness = waitingIdentifiers(1, {
    limiter: {
      take(key, rate) {
        if (works) return limiter.take(key, rate);
        throw new Error("no connection");
      },
    },
  });
  await harness.clock.run(5_500);
  expect(harness.starts).toEqual([]);
  expect(harness.eventsOf("limiter-failed").length).toBe(5);
  works = true;
  await harness.clock.run(1_000);
  expect(harness.starts.length).toBe(1);
});

test("two instances that share a limiter share the window", async () => {
  const harness = waitingIdentifiers(0, { limits: { maxPerMinute: 10 } });
  const other = harness.newEngine();
  other.start();
  for (let i = 0; i < 40; i++) {
    harness.needsFrom(`i${i}`, ["x"], { [`https://one.test/${i}`]: ["x"] });
    (i % 2 === 0 ? harness.engine : other).enqueue(`i${i}`, 0);
  }
  await harness.clock.run(181_500);
  const counts = [0, 1, 2, 3].map(
    (m) => seconds(harness).filter((at) => Math.floor((at - 1) / 60) === m).length,
  );
  expect(counts).toEqual([10, 10, 10, 10]);
  expect(harness.engine.inspect().queued + other.inspect().queued).toBe(0);
});

test("no decision visits other domains or the waiting identifiers", async () => {
  const asked = new Map<string, number>();
  const count = (domain: string) => {
    asked.set(domain, (asked.get(domain) ?? 0) + 1);
    return undefined;
  };
  const harness = new Harness(engineModule, { limitsFor: count, limits: { maxConcurrent: 1 } });
  harness.engine.start();
  let looks = 0;
  const hasPending = harness.context.hasPending!;
  harness.context.hasPending = (identifier) => {
    looks++;
    return hasPending(identifier);
  };
  for (let i = 0; i < 3_000; i++) {
    harness.needsFrom(`i${i}`, ["x"], { [`https://d${i % 300}.test/${i}`]: ["x"] });
    harness.engine.enqueue(`i${i}`, 0);
  }
  for (let d = 0; d < 300; d++) harness.behaviours.set(`d${d}.test`, { kind: "hangs" });
  harness.behaviours.set("d7.test", { kind: "serves", latencyMs: 1_500 });
  await harness.clock.run(1_200);
  expect(harness.starts.length).toBe(300);
  asked.clear();
  looks = 0;
  // One fetch ends, and the next identifier of its domain gets its turn.
  await harness.clock.run(1_300);
  expect(harness.starts.length).toBe(301);
  expect([...asked.keys()]).toEqual(["d7.test"]);
  expect(asked.get("d7.test")).toBeLessThan(12);
  expect(looks).toBeLessThan(4);
});

test("a turn at a domain that was never closed reads the clock twice", () => {
  let reads = 0;
  const turns: { waiter: Waiter; permit: Permit }[] = [];
  const domains = domainsOf(
    1,
    (waiter, permit) => turns.push({ waiter, permit }),
    () => ++reads,
  );
  for (const identifier of ["a", "b", "c"]) domains.join(identifier, "one.test", new Set());
  for (let i = 0; i < 3; i++) {
    reads = 0;
    const { waiter, permit } = turns.shift()!;
    expect(permit.start()).toBe(true);
    permit.end("empty");
    waiter.domain.requeue(waiter);
    // When the permit ended, and since when the identifier waits.
    expect(reads).toBe(2);
  }
});
