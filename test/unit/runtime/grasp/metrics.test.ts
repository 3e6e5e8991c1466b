import { describe, expect, test } from "vitest";
import { ALL_METRICS, countHappening, METRICS } from "../../../../runtime/grasp/metrics.ts";
import { PUSH_REASONS } from "../../../../runtime/grasp/push-reason.ts";
import { declareAll } from "../../../../runtime/observe/metric-list.ts";
import { createMetrics, type MetricsRegistry } from "../../../../runtime/observe/metrics.ts";
import { author } from "../../../support/nostr.ts";

function started(): MetricsRegistry {
  const metrics = createMetrics();
  declareAll(metrics, ALL_METRICS);
  return metrics;
}

const seriesOf = (metrics: MetricsRegistry, name: string) =>
  metrics.snapshot().find((metric) => metric.name === name)!.series;
const value = (metrics: MetricsRegistry, name: string, labels: Record<string, string> = {}) =>
  seriesOf(metrics, name).find((series) =>
    Object.entries(labels).every(([label, text]) => series.labels[label] === text),
  )!.value;

describe("the metrics of GRASP (O12)", () => {
  test("have names, help texts and bounded labels", () => {
    for (const { name, help, labels = {} } of METRICS) {
      for (const values of Object.values(labels))
        expect([name, values.length]).toEqual([name, new Set(values).size]);
      expect(name).toMatch(/^grasp_[a-z_]+$/);
      expect([name, help.length > 10]).toEqual([name, true]);
      const series = Object.values(labels).reduce(
        (product, values) => product * Math.max(1, values.length),
        1,
      );
      expect([name, series <= 200]).toEqual([name, true]);
    }
  });

  test("are all there from the start, with 0", () => {
    const metrics = started();
    for (const { name, labels = {}, isOpen } of METRICS) {
      if (isOpen) continue;
      const expected = Object.values(labels).reduce((product, values) => product * values.length, 1);
      const series = seriesOf(metrics, name);
      expect([name, series.length]).toEqual([name, expected]);
      for (const each of series) expect([name, each.value]).toEqual([name, 0]);
    }
  });

  test("count happenings without making a series", () => {
    const metrics = started();
    const before = metrics.snapshot().map(({ name, series }) => [name, series.length]);
    const event = author().sign(30617, [["d", "repo"]]);
    const entry = {
      store: "announcement",
      event,
      identifier: "repo",
      isSoftExpired: false,
      arrivedMs: 0,
      deadlineMs: 1,
      source: "direct",
      address: null,
    } as const;
    const repository = { owner: event.pubkey, identifier: "repo" };
    countHappening(metrics, {
      kind: "judged",
      eventKind: 30617,
      source: "direct",
      outcome: "refused",
      reason: "rate-limited",
    });
    countHappening(metrics, { kind: "served", event, waitedMs: 90_000 });
    countHappening(metrics, { kind: "waits", entry });
    countHappening(metrics, { kind: "left", entry, because: "expired" });
    countHappening(metrics, { kind: "no-room", store: "state", bound: "bytes" });
    countHappening(metrics, { kind: "soft-expired", entry });
    countHappening(metrics, { kind: "revived", entry });
    countHappening(metrics, { kind: "aligned", ...repository, updates: [] });
    countHappening(metrics, { kind: "release-failed", identifier: "repo", event, error: new Error("x") });
    for (const reason of PUSH_REASONS) {
      countHappening(metrics, { kind: "push-judged", ...repository, granted: reason === "granted", reason });
    }
    countHappening(metrics, { kind: "repository-created", ...repository });
    countHappening(metrics, { kind: "repository-deleted", ...repository });
    expect(metrics.snapshot().map(({ name, series }) => [name, series.length])).toEqual(before);
    expect(value(metrics, "grasp_events_received_total", { source: "direct", outcome: "refused" })).toBe(1);
    expect(value(metrics, "grasp_events_refused_total", { reason: "rate-limited" })).toBe(1);
    expect(value(metrics, "grasp_events_total", { kind: "announcement" })).toBe(1);
    expect(value(metrics, "grasp_purgatory_wait_seconds")).toBe(90);
    expect(value(metrics, "grasp_purgatory_left_total", { store: "announcement", because: "expired" })).toBe(
      1,
    );
    expect(value(metrics, "grasp_purgatory_no_room_total", { bound: "bytes" })).toBe(1);
    expect(value(metrics, "grasp_push_decisions_total", { reason: "missing_refs" })).toBe(1);
  });
});
