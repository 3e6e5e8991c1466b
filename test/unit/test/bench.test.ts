import { describe, expect, test } from "vitest";
import { coldTable } from "../../bench/cold-table.ts";
import { growthOf, verdict } from "../../bench/growth/series.ts";
import { spreadOf } from "../../bench/harness.ts";
import { between } from "../../bench/marks.ts";
import { mergeResults, type Results } from "../../bench/results.ts";
import { summary, summaryChart } from "../../bench/summary.ts";
import { tables } from "../../bench/tables.ts";
import { TARGETS } from "../../bench/targets.ts";

const row = (name: string, nsPerOp: number, bytesPerKey?: number) => ({
  ...{ name, nsPerOp, low: nsPerOp, high: nsPerOp },
  ...(bytesPerKey === undefined ? {} : { bytesPerKey }),
});
const spread = (median: number) => ({ median, low: median * 0.95, high: median * 1.05 });
const served = (name: string, rate: number, ms: number) => ({
  name,
  requestsPerSecond: spread(rate),
  cpuMicros: spread(1e6 / rate),
  p50Ms: spread(ms),
  p99Ms: spread(ms * 3),
});

const PROVENANCE = { date: "2026-01-02", machine: "2 x a machine", versions: { Node: "24.0.0" } };

function resultsWith(pageRate: number, pageMs: number, coldMs: number): Results {
  return {
    provenance: { mint: { Node: PROVENANCE }, take: { Node: PROVENANCE }, served: { Node: PROVENANCE } },
    benches: {
      mint: { Node: [row("millrace", 100), row("node:crypto", 250), row("Web Crypto", 9000)] },
      take: {
        Node: [
          row("millrace", 100, 64),
          row("rate-limiter-flexible", 900, 900),
          row("hono-rate-limiter (its store)", 300, 260),
        ],
      },
    },
    served: {
      Node: [
        served("bare", 100_000, 0.2),
        served("memory", pageRate, pageMs),
        served("SQLite", pageRate, pageMs),
        served("10 hanging partners", pageRate, pageMs),
        served("identify", 50_000, 0.4),
        served("the same bytes", 80_000, 0.3),
      ],
    },
    coldStarts: [
      { host: "Node", bytes: 300_000, gzipBytes: 100_000, deployedBytes: null, ms: coldMs, bareMs: 30 },
      { host: "elsewhere", missing: "it is not on this machine" },
    ],
  };
}

const verdictOf = (results: Results, name: string) =>
  TARGETS.find((target) => target.name === name)!.judge(results, "Node");

describe("verdicts", () => {
  const good = resultsWith(90_000, 0.21, 40);
  const bad = resultsWith(80_000, 0.4, 60);

  test("a page needs both its share of requests and its 99th percentile", () => {
    expect(verdictOf(good, "page, memory")).toMatchObject({ figure: "90%, p99 +0.03 ms" });
    expect(verdictOf(good, "page, memory")!.share).toBeGreaterThan(1);
    expect(verdictOf(bad, "page, SQLite")!.share).toBeCloseTo(0.3 / 0.6);
  });

  test("hanging partners need p50 and p99 within noise", () => {
    expect(verdictOf(good, "hanging partners")!.share).toBeGreaterThan(1);
    const slow = resultsWith(90_000, 0.21, 40);
    Object.assign(slow.served!.Node![3]!, served("10 hanging partners", 40_000, 0.5));
    expect(verdictOf(slow, "hanging partners")!.share).toBeLessThan(1);
  });

  test("a take needs both its speed and its memory", () => {
    expect(verdictOf(good, "take (flexible)")!.share).toBeCloseTo(9 / 8);
    expect(verdictOf(good, "take (hono)")!.share).toBeCloseTo(3 / 8);
  });

  test("minting needs the first place, and on Node twice node:crypto", () => {
    expect(verdictOf(good, "mint")).toEqual({ figure: "2.5x the next, 2.5x node:crypto", share: 1.25 });
  });

  test("the engine needs its speed and flat growth", () => {
    const engine = (last: number) => {
      const results = resultsWith(90_000, 0.21, 40);
      results.benches.engine = { Node: [row("1,000", 400), row("100,000", last)] };
      return verdictOf(results, "sync engine")!.share;
    };
    expect(engine(480)).toBeGreaterThan(1);
    expect(engine(600)).toBeLessThan(1);
    expect(engine(2500)).toBeLessThan(1);
  });

  test("a cold start needs its difference, and a missing figure has no verdict", () => {
    expect(verdictOf(good, "cold start")!.share).toBeCloseTo(1.5);
    expect(verdictOf(bad, "cold start")!.share).toBeCloseTo(0.5);
    expect(verdictOf(good, "batch sync")).toBeNull();
  });

  test("a proxied page is held against the fastest bare proxy, several processes against one", () => {
    const pages = (perSecond: number) => ({ perSecond, cpuMicros: 1, p50Ms: 1, p99Ms: 1, residentMiB: 1 });
    const bare = { "node:http": pages(80), "http-proxy": pages(50), undici: pages(100) };
    const results: Results = {
      ...resultsWith(90_000, 0.21, 40),
      proxy: {
        Node: { pages: { ...bare, "undici's dispatch": pages(90), millrace: pages(45) }, bodies: {} },
      },
      workers: {
        Node: [
          { processes: 1, perSecond: 100, cpuMicros: 1, p99Ms: 1 },
          { processes: 2, perSecond: 160, cpuMicros: 1, p99Ms: 1 },
        ],
      },
    };
    expect(verdictOf(results, "proxy")).toEqual({ figure: "45%", share: 0.5 });
    expect(verdictOf(results, "workers")).toEqual({ figure: "1.60x with 2", share: 1 });
  });

  test("appear in one table with a mark each, and in one chart", () => {
    const [table, legend] = summary(bad).split("\n\n");
    const lines = table!.split("\n");
    expect(lines).toHaveLength(TARGETS.length + 2);
    expect(lines.filter((line) => line.endsWith("✓ | a |")).length).toBeGreaterThan(0);
    expect(lines.filter((line) => line.endsWith("✗ | a |")).length).toBeGreaterThan(0);
    expect(legend).toContain("Run a: 2 x a machine, 2026-01-02.");
    expect(lines.filter((line) => line.includes("not measured")).length).toBeGreaterThan(0);
    expect(summaryChart(bad)).toMatch(/^<svg/);
    expect(tables(bad)).toContain("| Mint an EC id | Node 24.0.0 |");
    expect(coldTable(bad.coldStarts!)).toContain("30.0 ms (reach: 15 ms)");
    expect(coldTable(bad.coldStarts!)).toContain("it is not on this machine");
  });
});

test("a newer run replaces figures by bench and host; the others keep theirs, and where they were measured", () => {
  const older = resultsWith(90_000, 0.21, 40);
  const later = { ...PROVENANCE, date: "2026-01-03", versions: { Bun: "1.0.0" } };
  const mint = [row("millrace", 1)];
  const merged = mergeResults(older, {
    provenance: { mint: { Bun: later } },
    benches: { mint: { Bun: mint } },
  });
  expect(merged.benches).toEqual({ ...older.benches, mint: { ...older.benches.mint, Bun: mint } });
  expect(merged.provenance.mint).toEqual({ Node: PROVENANCE, Bun: later });
  expect([merged.served, merged.coldStarts]).toEqual([older.served, older.coldStarts]);
});

test("a spread is the median and the middle half", () => {
  expect(spreadOf([9, 1, 5, 3, 7])).toEqual({ median: 5, low: 3, high: 7 });
});

test("a growth verdict is 'flat', or the growth with its explanation", () => {
  const grown = { name: "x", title: "X", x: "things", explanation: "It has to.", sizes: [1, 10] };
  expect(growthOf([10, 12, 15])).toBe(1.5);
  expect(verdict({ ...grown, lines: { all: [10, 11] } })).toBe("all is flat (1.10x).");
  expect(verdict({ ...grown, lines: { all: [10, 15] } })).toBe("all grows (1.50x). It has to.");
});

test("between replaces only the text between the marks", () => {
  const text = "a\n<!-- x:start -->\nold\n<!-- x:end -->\nb";
  expect(between(text, "x", "new")).toBe("a\n<!-- x:start -->\nnew\n<!-- x:end -->\nb");
  expect(() => between(text, "y", "new", "page.md")).toThrow("page.md has no <!-- y:start -->");
});
