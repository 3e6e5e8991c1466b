/**
 * The targets, and whether the figures reach them.
 * @module
 */
import { COLD_START_REACH_MS } from "./cold-table.ts";
import { FLAT_FACTOR, growthOf } from "./growth/series.ts";
import type { Measured, Spread } from "./harness.ts";
import { PROXY_REACH, shareOfBare } from "./proxy/report.ts";
import type { Bench, InProcess, Results } from "./results.ts";
import type { ServedFigures } from "./served/measure.ts";
import { WORKERS_REACH } from "./workers/report.ts";

/** The verdict on one target on one host. */
export interface Verdict {
  /** The figure, as text. */
  figure: string;
  /** The figure as a share of its target: from 1 on the target is reached. */
  share: number;
}

/** One target. */
export interface Target {
  /** A short name for charts. */
  name: string;
  what: string;
  against: string;
  reach: string;
  /** The bench that measures it. */
  bench: Bench;
  /** @returns `null` if it was not measured. */
  judge(results: Results, host: string): Verdict | null;
}

/** A number with two significant digits. */
const two = (value: number) => String(Number(value.toPrecision(2)));
const percent = (share: number) => `${Math.round(share * 100)}%`;
const millis = (ms: number) => `${ms.toFixed(2)} ms`;

type Rows<T> = (name: string) => T;

/** Judges figures from inside a process. */
const inProcess =
  (bench: InProcess, judge: (rows: Measured[], host: string) => Verdict): Target["judge"] =>
  ({ benches }, host) => {
    const rows = benches[bench]?.[host];
    return rows === undefined ? null : judge(rows, host);
  };

/** Judges figures over HTTP. */
const served =
  (judge: (row: Rows<ServedFigures>) => Verdict): Target["judge"] =>
  (results, host) => {
    const rows = results.served?.[host];
    return rows === undefined ? null : judge((name) => rows.find((row) => row.name === name)!);
  };

/** The time of another as a multiple of ours. */
const factor = (rows: Measured[], other: string) =>
  rows.find(({ name }) => name === other)!.nsPerOp / rows[0]!.nsPerOp;

/** A wrapped handler beside the bare one: the lower share of its requests and its 99th percentile. */
const besideBare = (name: string): Target["judge"] =>
  served((row) => {
    const [ours, bare] = [row(name), row("bare")];
    const rate = ours.requestsPerSecond.median / bare.requestsPerSecond.median;
    const later = ours.p99Ms.median - bare.p99Ms.median;
    return {
      figure: `${percent(rate)}, p99 ${later < 0 ? "−" : "+"}${millis(Math.abs(later))}`,
      share: Math.min(rate / 0.85, later <= 0.3 ? Number.POSITIVE_INFINITY : 0.3 / later),
    };
  });

/** Within noise: not above the middle half of the other's rounds, or by less than its width. */
const noiseShare = (ours: Spread, other: Spread) => (other.high + (other.high - other.low)) / ours.median;

const takeBeside = (other: string): Target["judge"] =>
  inProcess("take", (rows) => {
    const faster = factor(rows, other);
    const [ours, theirs] = [rows[0]!, rows.find(({ name }) => name === other)!];
    const less = theirs.bytesPerKey! / ours.bytesPerKey!;
    return {
      figure: `${two(faster)}x as fast, 1/${two(less)} of the memory`,
      share: Math.min(faster / 8, less / 10),
    };
  });

export const TARGETS: readonly Target[] = [
  {
    name: "mint",
    bench: "mint",
    what: "mint an EC id",
    against: "node:crypto, Web Crypto, @noble/hashes, hash-wasm",
    reach: "the fastest; on Node at least 2x node:crypto",
    judge: inProcess("mint", (rows, host) => {
      const fastest = Math.min(...rows.slice(1).map(({ name }) => factor(rows, name)));
      const share = Math.min(fastest, host === "Node" ? factor(rows, "node:crypto") / 2 : fastest);
      return { figure: `${two(fastest)}x the next, ${two(factor(rows, "node:crypto"))}x node:crypto`, share };
    }),
  },
  {
    name: "validate",
    bench: "validate",
    what: "validate an EC id",
    against: "a compiled regular expression",
    reach: "not slower",
    judge: inProcess("validate", (rows) => {
      const faster = factor(rows, "a compiled regular expression");
      return { figure: `${two(faster)}x as fast`, share: faster };
    }),
  },
  {
    name: "take (flexible)",
    bench: "take",
    what: "take from a window, 300,000 keys",
    against: "rate-limiter-flexible in memory",
    reach: "8x as fast, a tenth of the memory",
    judge: takeBeside("rate-limiter-flexible"),
  },
  {
    name: "take (hono)",
    bench: "take",
    what: "the same",
    against: "hono-rate-limiter's store",
    reach: "8x as fast, a tenth of the memory",
    judge: takeBeside("hono-rate-limiter (its store)"),
  },
  {
    name: "page, memory",
    bench: "served",
    what: "a page for a returning visitor, memory store",
    against: "the same bare handler on the same server",
    reach: "85% of its requests per second, p99 within 0.3 ms",
    judge: besideBare("memory"),
  },
  {
    name: "page, SQLite",
    bench: "served",
    what: "the same, SQLite",
    against: "the same",
    reach: "the same",
    judge: besideBare("SQLite"),
  },
  {
    name: "hanging partners",
    bench: "served",
    what: "a page while ten partners hang",
    against: "the same with no partners",
    reach: "within noise at p50 and p99",
    judge: served((row) => {
      const [ours, none] = [row("10 hanging partners"), row("memory")];
      const [p50, p99] = [ours.p50Ms.median / none.p50Ms.median, ours.p99Ms.median / none.p99Ms.median];
      return {
        figure: `p50 ${two(p50)}x, p99 ${two(p99)}x`,
        share: Math.min(noiseShare(ours.p50Ms, none.p50Ms), noiseShare(ours.p99Ms, none.p99Ms)),
      };
    }),
  },
  {
    name: "10,000 partners",
    bench: "partners",
    what: "a page with 10,000 partners, 10 pulling",
    against: "the same with 10 partners",
    reach: "within 5%",
    judge: inProcess("partners", (rows) => {
      const more = rows[1]!.nsPerOp / rows[0]!.nsPerOp;
      return { figure: `${more.toFixed(2)}x`, share: 1.05 / more };
    }),
  },
  {
    name: "identify",
    bench: "served",
    what: "/identify with 20 partners, SQLite",
    against: "a bare handler that returns the same bytes",
    reach: "60% of its requests per second",
    judge: served((row) => {
      const rate = row("identify").requestsPerSecond.median / row("the same bytes").requestsPerSecond.median;
      return { figure: percent(rate), share: rate / 0.6 };
    }),
  },
  {
    name: "batch sync",
    bench: "batch",
    what: "batch sync of 1,000 mappings, SQLite",
    against: "the store's own transaction of the same rows",
    reach: "40% of its rows per second",
    judge: inProcess("batch", (rows) => {
      const rate = factor(rows, "the store's own transaction");
      return { figure: percent(rate), share: rate / 0.4 };
    }),
  },
  {
    name: "sync engine",
    bench: "engine",
    what: "sync engine: pick, reserve, release",
    against: "its own cost at 1,000 identifiers",
    reach: "under 2 µs, flat to 100,000",
    judge: inProcess("engine", (rows) => {
      const [first, last] = [rows[0]!, rows.at(-1)!];
      const figure = `${two(first.nsPerOp / 1000)} µs, ${two(last.nsPerOp / 1000)} µs at 100,000`;
      // Flat by the same rule as the growth bench.
      return {
        figure,
        share: Math.min(2000 / last.nsPerOp, FLAT_FACTOR / growthOf([first.nsPerOp, last.nsPerOp])),
      };
    }),
  },
  {
    name: "cold start",
    bench: "cold-start",
    what: "cold start: import to first response",
    against: "a bare hono app",
    reach: `within ${COLD_START_REACH_MS} ms`,
    judge({ coldStarts }, host) {
      const start = coldStarts?.find((one) => one.host === host);
      if (start === undefined || "missing" in start) return null;
      const more = start.ms - start.bareMs;
      const share = more <= 0 ? Number.POSITIVE_INFINITY : COLD_START_REACH_MS / more;
      return { figure: `${more < 0 ? "−" : "+"}${Math.abs(more).toFixed(0)} ms`, share };
    },
  },
  {
    name: "proxy",
    bench: "proxy",
    what: "a page through millrace serve, SQLite",
    against: "the fastest bare proxy on the same runtime",
    reach: `${percent(PROXY_REACH)} of its requests per second`,
    judge({ proxy }, host) {
      const proxied = proxy?.[host];
      if (proxied === undefined) return null;
      const share = shareOfBare(proxied, "millrace");
      return { figure: percent(share), share: share / PROXY_REACH };
    },
  },
  {
    name: "workers",
    bench: "workers",
    what: "/identify by N processes, SQLite",
    against: "one process",
    reach: `${WORKERS_REACH} N times its requests per second`,
    judge({ workers }, host) {
      const [one, several] = workers?.[host] ?? [];
      if (one === undefined || several === undefined) return null;
      const more = several.perSecond / one.perSecond;
      return {
        figure: `${more.toFixed(2)}x with ${several.processes}`,
        share: more / (WORKERS_REACH * several.processes),
      };
    },
  },
];
