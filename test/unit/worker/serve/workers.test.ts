import { expect, test } from "vitest";
import { answerCall, type LimiterCall, OwnedLimiter } from "../../../../runtime/limiters/owned.ts";
import { countsOf, mergeMetrics } from "../../../../runtime/observe/merge-metrics.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { Channel, type Port } from "../../../../worker/serve/workers/channel.ts";
import {
  afterDeath,
  EARLY_MS,
  FIRST_PAUSE_MS,
  MOST_EARLY_DEATHS,
} from "../../../../worker/serve/workers/restarts.ts";

/** Two ends of one channel. */
function ports(): [Port, Port] {
  const receivers: ((message: unknown) => void)[] = [];
  const end = (own: number): Port => ({
    send: (message) => void queueMicrotask(() => receivers[1 - own]!(structuredClone(message))),
    onMessage: (receive) => {
      receivers[own] = receive;
    },
  });
  return [end(0), end(1)];
}

test("a worker that lived long is started again at once, however often it died before", () => {
  expect(afterDeath(EARLY_MS, MOST_EARLY_DEATHS - 1)).toEqual({ kind: "start", afterMs: 0, earlyDeaths: 0 });
});

test("early deaths double the pause, and the last of them ends the server", () => {
  const pauses: number[] = [];
  let deaths = 0;
  for (;;) {
    const next = afterDeath(EARLY_MS - 1, deaths);
    deaths = next.earlyDeaths;
    if (next.kind === "give up") break;
    pauses.push(next.afterMs);
  }
  expect(deaths).toBe(MOST_EARLY_DEATHS);
  expect(pauses).toEqual([1, 2, 4, 8, 16].map((factor) => factor * FIRST_PAUSE_MS));
});

test("a channel carries answers and errors to the question they belong to", async () => {
  const [a, b] = ports();
  new Channel<number, never>(b, async (question) => {
    if (question === 3) throw new Error("no three");
    return question * 2;
  });
  const asking = new Channel<never, number>(a, () => null);
  const answers = await Promise.allSettled([1, 3, 2].map((question) => asking.ask(question)));
  expect(answers).toEqual([
    { status: "fulfilled", value: 2 },
    { status: "rejected", reason: new Error("no three") },
    { status: "fulfilled", value: 4 },
  ]);
});

test("a closed channel fails every question, open or new", async () => {
  const [a, b] = ports();
  new Channel<number, never>(b, () => new Promise(() => {}));
  const asking = new Channel<never, number>(a, () => null);
  const open = asking.ask(1);
  asking.close();
  await expect(open).rejects.toThrow("gone");
  await expect(asking.ask(2)).rejects.toThrow("gone");
});

test("an owned limiter asks its owner, and tells its tables and which are full", async () => {
  const asked: LimiterCall[] = [];
  const owner = {
    take: () => ({ admitted: true, remaining: 4, retryAfterMs: 0 }),
  };
  const limiter = new OwnedLimiter(async (call) => {
    asked.push(call);
    return answerCall(owner, call);
  });
  const rate = { limit: 5, windowMs: 1000 };
  expect(await limiter.take("a", rate)).toEqual({ admitted: true, remaining: 4, retryAfterMs: 0 });
  const members = [
    { name: "x", key: "x:1", limit: 2 },
    { name: "y", key: "y:1", limit: 2 },
  ];
  expect(await limiter.takeEach("all", members, 1000)).toHaveLength(2);
  expect(asked.map(({ op }) => op)).toEqual(["take", "takeEach"]);
  const table = { table: "visitors", keys: 1, maxKeys: 2, refusedFull: 0, bytes: 3 };
  limiter.tell([table]);
  expect(limiter.tables()).toEqual([table]);
  const full: string[] = [];
  limiter.watch((name) => full.push(name));
  limiter.tellFull("visitors");
  expect(full).toEqual(["visitors"]);
});

test("metrics of processes are added; of what says since when or which, one value counts", () => {
  const parts = [1, 2].map((n) => {
    const metrics = createMetrics();
    metrics.count("requests_total", { route: "a" }, n);
    if (n === 2) metrics.count("requests_total", { route: "b" }, 7);
    metrics.gauge("queue", n);
    metrics.gauge("build_info", 1);
    metrics.gauge("process_start_time_seconds", 100 * n);
    metrics.observe("seconds", n === 1 ? 0.0002 : 100);
    return metrics.snapshot();
  });
  const merged = mergeMetrics(parts);
  const valuesOf = (name: string) =>
    merged.find((metric) => metric.name === name)!.series.map(({ value }) => value);
  expect(valuesOf("requests_total")).toEqual([3, 7]);
  expect(valuesOf("queue")).toEqual([3]);
  expect(valuesOf("build_info")).toEqual([1]);
  expect(valuesOf("process_start_time_seconds")).toEqual([100]);
  const { counts } = merged.find(({ name }) => name === "seconds")!.series[0]!;
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2);
  expect(parts[0]!.find(({ name }) => name === "requests_total")!.series[0]!.value).toBe(1);
  expect(countsOf(merged).map(({ name }) => name)).not.toContain("queue");
});
