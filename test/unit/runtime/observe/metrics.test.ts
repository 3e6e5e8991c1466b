import fc from "fast-check";
import parsePrometheus from "parse-prometheus-text-format";
import { describe, expect, test } from "vitest";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";

describe("the Prometheus text", () => {
  test("has the Prometheus format", () => {
    const metrics = createMetrics();
    metrics.describe("requests_total", "Requests,\nby \\ outcome.", "counter");
    metrics.count("requests_total");
    metrics.count("requests_total", { outcome: 'a"b\\c\nd', code: "200" }, 2);
    metrics.gauge("queue_size", 1.5);
    metrics.describe("wait_seconds", "Waiting.", "histogram", [0.1, 1]);
    for (const seconds of [0.05, 0.1, 0.5, 7]) metrics.observe("wait_seconds", seconds);
    metrics.observe("wait_seconds", 1, { domain: "a.example" });
    const text = metrics.text().replace(/^# \w+ millrace_metrics_folded_total .*\n/gm, "");
    expect(text).toBe(
      [
        "# HELP requests_total Requests,\\nby \\\\ outcome.",
        "# TYPE requests_total counter",
        "requests_total 1",
        'requests_total{code="200",outcome="a\\"b\\\\c\\nd"} 2',
        "# TYPE queue_size gauge",
        "queue_size 1.5",
        "# HELP wait_seconds Waiting.",
        "# TYPE wait_seconds histogram",
        'wait_seconds_bucket{le="0.1"} 2',
        'wait_seconds_bucket{le="1"} 3',
        'wait_seconds_bucket{le="+Inf"} 4',
        "wait_seconds_sum 7.65",
        "wait_seconds_count 4",
        'wait_seconds_bucket{domain="a.example",le="0.1"} 0',
        'wait_seconds_bucket{domain="a.example",le="1"} 1',
        'wait_seconds_bucket{domain="a.example",le="+Inf"} 1',
        'wait_seconds_sum{domain="a.example"} 1',
        'wait_seconds_count{domain="a.example"} 1',
        "",
      ].join("\n"),
    );
  });

  test("another parser reads it back for any labels", () => {
    const label = fc.string({ unit: "grapheme", maxLength: 20 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(label, fc.integer({ min: 0, max: 1e9 })), { maxLength: 20 }),
        (counts) => {
          const metrics = createMetrics();
          metrics.describe("seen_total", "Seen.", "counter");
          const expected = new Map<string, number>();
          for (const [value, by] of counts) {
            metrics.count("seen_total", { value }, by);
            expected.set(value, (expected.get(value) ?? 0) + by);
          }
          const family = parsePrometheus(metrics.text()).find(({ name }) => name === "seen_total");
          expect(family).toMatchObject({ help: "Seen.", type: "COUNTER" });
          const read = new Map(
            family!.metrics
              .filter(({ labels }) => labels)
              .map(({ labels, value }) => [labels!.value, Number(value)]),
          );
          expect(read).toEqual(expected);
        },
      ),
    );
  });

  test("another parser reads histograms back", () => {
    const metrics = createMetrics();
    metrics.describe("wait_seconds", "Waiting.", "histogram", [0.1, 1]);
    for (const seconds of [0, 0.1, 0.11, 1, 99]) metrics.observe("wait_seconds", seconds);
    const family = parsePrometheus(metrics.text()).find(({ name }) => name === "wait_seconds");
    expect(family).toMatchObject({
      type: "HISTOGRAM",
      metrics: [{ buckets: { "0.1": "2", "1": "4", "+Inf": "5" }, count: "5", sum: "100.21" }],
    });
  });
});

describe("the registry", () => {
  test("equal label sets in any order are one series", () => {
    const metrics = createMetrics();
    metrics.count("a_total", { x: "1", y: "2" });
    metrics.count("a_total", { y: "2", x: "1" });
    metrics.count("a_total", {});
    metrics.count("a_total");
    expect(metrics.text()).toContain('a_total 2\na_total{x="1",y="2"} 2\n');
  });

  test("a gauge keeps its last value", () => {
    const metrics = createMetrics();
    for (const value of [3, -2, Number.POSITIVE_INFINITY, 5]) metrics.gauge("level", value, { of: "water" });
    expect(metrics.text()).toContain('level{of="water"} 5\n');
  });

  test("series beyond the maximum are folded and counted", () => {
    const metrics = createMetrics();
    for (let i = 0; i < 10_000; i++) metrics.count("by_domain_total", { domain: `d${i}.example`, kind: "x" });
    const lines = metrics.text().split("\n");
    expect(lines.filter((line) => line.startsWith("by_domain_total{"))).toHaveLength(201);
    expect(lines).toContain('by_domain_total{domain="other",kind="other"} 9800');
    expect(lines).toContain('millrace_metrics_folded_total{metric="by_domain_total"} 9800');
    metrics.count("by_domain_total", { domain: "d7.example", kind: "x" });
    expect(metrics.text()).toContain('by_domain_total{domain="d7.example",kind="x"} 2');
  });

  test("the counter of folded metrics is folded as well", () => {
    const metrics = createMetrics();
    for (let m = 0; m < 210; m++) {
      for (let i = 0; i < 201; i++) metrics.count(`m${m}_total`, { i: String(i) });
    }
    expect(metrics.text()).toContain('millrace_metrics_folded_total{metric="other"} 10\n');
  });

  test("malformed names and conflicting types throw", () => {
    const metrics = createMetrics();
    metrics.count("a_total");
    expect(() => metrics.gauge("a_total", 1)).toThrow(/is a counter, not a gauge/);
    expect(() => metrics.describe("a_total", "", "histogram")).toThrow(/is a counter/);
    expect(() => metrics.count("no-name")).toThrow(/not a metric name/);
    expect(() => metrics.count("a_total", { "no-name": "x" })).toThrow(/not a label name/);
    expect(() => metrics.observe("b_seconds", 1, { le: "1" })).toThrow(/not a label name/);
    expect(() => metrics.count("a_total", undefined, -1)).toThrow(/cannot grow by -1/);
    expect(() => metrics.count("a_total", undefined, Number.NaN)).toThrow(/cannot grow/);
  });
});

test("metrics are read by name with their latest values, and no gauge is read again", () => {
  const metrics = createMetrics();
  metrics.onRead(() => metrics.gauge("b", 2));
  metrics.gauge("b", 1);
  metrics.count("a_total", { x: "1" }, 3);
  metrics.count("c_total");
  const [a, b, ...others] = metrics.read(["a_total", "b", "unknown"]);
  expect([a?.series, b?.series, others]).toEqual([
    [{ labels: { x: "1" }, value: 3, counts: [] }],
    [{ labels: {}, value: 1, counts: [] }],
    [],
  ]);
});
