import { expect, test } from "vitest";
import { ALL_METRICS } from "../../../../../runtime/grasp/metrics.ts";
import type { RelayView } from "../../../../../runtime/grasp/relay-sync/events.ts";
import { RelaySyncMetrics } from "../../../../../runtime/grasp/relay-sync/metrics.ts";
import { declareAll } from "../../../../../runtime/observe/metric-list.ts";
import { createMetrics } from "../../../../../runtime/observe/metrics.ts";

function started() {
  const metrics = createMetrics();
  declareAll(metrics, ALL_METRICS);
  const series = (name: string) => metrics.snapshot().find((metric) => metric.name === name)!.series;
  const value = (name: string, labels: Record<string, string> = {}) =>
    series(name).find((each) => Object.entries(labels).every(([key, text]) => each.labels[key] === text))
      ?.value;
  return { sync: new RelaySyncMetrics(metrics), series, value };
}

const relay = "wss://a";
const viewOf = (url: string, fields: Partial<RelayView> = {}): RelayView => ({
  url,
  isBootstrap: false,
  state: "connected",
  health: "healthy",
  usesNegentropy: true,
  subscriptions: 1,
  pending: 0,
  retryAtMs: null,
  failures: 0,
  avoidedBecause: null,
  historyAtMs: null,
  identifiers: 1,
  ...fields,
});

test("attempts, failures, events and refusals count, and make no series of their own (O12)", () => {
  const { sync, value, series } = started();
  const before = series("grasp_relay_failures_total").length;
  sync.listen({ kind: "attempt", relay });
  sync.listen({ kind: "closed", relay, because: "tls", wasOpen: false, retryInMs: 5 });
  // What we closed is no failure.
  sync.listen({ kind: "closed", relay, because: null, wasOpen: true, retryInMs: null });
  sync.listen({ kind: "received", relay, eventKind: 1, outcome: "later" });
  sync.listen({ kind: "refused-hit", relay, where: "cold", count: 3 });
  sync.listen({ kind: "history", relay, complete: false, tookMs: 1 });
  sync.listen({ kind: "rate-limited", relay, untilMs: 1 });
  expect([
    value("grasp_relay_attempts_total"),
    value("grasp_relay_failures_total", { reason: "tls" }),
    series("grasp_relay_failures_total").reduce((sum, each) => sum + each.value, 0),
    value("grasp_relay_events_total", { outcome: "later" }),
    value("grasp_relay_refused_hits_total", { place: "cold" }),
    value("grasp_relay_histories_total", { result: "incomplete" }),
    value("grasp_relay_rate_limits_total"),
  ]).toEqual([1, 1, 1, 1, 3, 1, 1]);
  expect(series("grasp_relay_failures_total")).toHaveLength(before);
});

test("the view is sampled: each relay's state as a figure, and how many are connected, dead and avoided (L15)", () => {
  const { sync, value } = started();
  const relays = [
    viewOf("wss://a"),
    viewOf("wss://b", { state: "syncing" }),
    viewOf("wss://c", { state: "disconnected", health: "dead" }),
    viewOf("wss://d", { state: "connecting" }),
    viewOf("wss://e", { state: "avoided" }),
  ];
  sync.sample({ relays, refusedHot: 4, refusedCold: 5 });
  const states = relays.map(({ url }) => value("grasp_relay_status", { relay: url }));
  expect(states).toEqual([3, 2, 0, 1, 5]);
  expect(["tracked", "connected", "dead", "avoided"].map((name) => value(`grasp_relays_${name}`))).toEqual([
    5, 2, 1, 1,
  ]);
  expect(["hot", "cold"].map((place) => value("grasp_relay_refused", { place }))).toEqual([4, 5]);
  sync.listen({ kind: "untracked", relay: "wss://a" });
  sync.sample({ relays: [], refusedHot: 0, refusedCold: 0 });
  expect([value("grasp_relays_tracked"), value("grasp_relay_status", { relay })]).toEqual([0, 0]);
});

test("100 relays have a series of their own, however many events name (O12)", () => {
  const { sync, series } = started();
  const relays = Array.from({ length: 1000 }, (_, i) => viewOf(`wss://${i}`));
  sync.sample({ relays, refusedHot: 0, refusedCold: 0 });
  expect(series("grasp_relay_status")).toHaveLength(100);
});
