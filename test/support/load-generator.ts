/**
 * Keeps a server busy with equal requests: with wrk or oha if they are installed, because they use little of the machine,
 * else with autocannon.
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "./find-program.ts";

/** The request, the number of connections and the duration. */
export interface Load {
  url: string;
  headers?: Record<string, string>;
  /** Default: GET. */
  method?: string;
  body?: string;
  connections: number;
  durationMs: number;
  /** Ends it early, without a result. */
  signal?: AbortSignal;
}

export type GeneratorName = "wrk" | "oha" | "autocannon";

/** The result. */
export interface LoadResult {
  generator: GeneratorName;
  requests: number;
  /** Number of answers without status 2xx or 3xx, and of requests without an answer. */
  errors: number;
  seconds: number;
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
}

type Figures = Omit<LoadResult, "generator">;

/** Timeout of one answer, and additional time of a generator before it is killed, in milliseconds. */
const GRACE_MS = 20_000;

/** The best generator on this machine. */
export function findGenerator(): GeneratorName {
  return (["wrk", "oha"] as const).find((name) => findProgram(name) !== null) ?? "autocannon";
}

/**
 * Sends requests, one after the other on each connection, until the time is up.
 * @param generator Default: the best on this machine.
 * @throws {Error} if the generator fails, or its report is invalid.
 */
export async function generate(load: Load, generator = findGenerator()): Promise<LoadResult> {
  return { generator, ...(await generators[generator](load)) };
}

const generators: Record<GeneratorName, (load: Load) => Promise<Figures>> = {
  async wrk(load) {
    const folder = mkdtempSync(join(tmpdir(), "millrace-wrk-"));
    try {
      const script = join(folder, "request.lua");
      writeFileSync(script, luaOf(load));
      const seconds = Math.max(1, Math.round(load.durationMs / 1000));
      const args = [
        "-t1",
        `-c${load.connections}`,
        `-d${seconds}s`,
        "--timeout",
        `${GRACE_MS / 1000}s`,
        "-s",
        script,
        load.url,
      ];
      return readWrk(await run("wrk", args, load));
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  async oha(load) {
    const headers = Object.entries(load.headers ?? {}).flatMap(([name, value]) => [
      "-H",
      `${name}: ${value}`,
    ]);
    const body = load.body === undefined ? [] : ["-d", load.body];
    const args = ["--no-tui", "--output-format", "json", "-c", `${load.connections}`];
    const time = ["-z", `${load.durationMs}ms`, "-t", `${GRACE_MS}ms`, "-m", load.method ?? "GET"];
    return readOha(await run("oha", [...args, ...time, ...headers, ...body, load.url], load));
  },

  async autocannon({ url, headers = {}, method = "GET", body, connections, durationMs, signal }) {
    const { default: autocannon } = await import("autocannon");
    const options = {
      ...{ url, headers, connections, duration: durationMs / 1000, timeout: GRACE_MS / 1000 },
      method: method as "GET",
      ...(body === undefined ? {} : { body }),
    };
    const counts = new Map<number, number>();
    const result = await new Promise<Awaited<ReturnType<typeof autocannon>>>((resolve, reject) => {
      const running = autocannon(options, (error, done) => (error ? reject(error) : resolve(done)));
      // Its own percentiles are in whole milliseconds: 0 for a faster server.
      running.on("response", (_client, _status, _bytes, ms) => {
        const rounded = Number(ms.toPrecision(3));
        counts.set(rounded, (counts.get(rounded) ?? 0) + 1);
      });
      signal?.addEventListener("abort", () => running.stop(), { once: true });
    });
    signal?.throwIfAborted();
    const [p50Ms, p90Ms, p99Ms] = percentilesOf(counts, [0.5, 0.9, 0.99]) as [number, number, number];
    return {
      requests: result.requests.total,
      // Not its `non2xx`, which has the redirects, too.
      errors: result.errors + result["1xx"] + result["4xx"] + result["5xx"],
      seconds: result.duration,
      ...{ p50Ms, p90Ms, p99Ms },
    };
  },
};

/**
 * Percentiles of counted values; 0 without values.
 * @param counts number of occurrences of each value.
 * @param shares from 0 to 1.
 */
export function percentilesOf(counts: ReadonlyMap<number, number>, shares: readonly number[]): number[] {
  const sorted = [...counts].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, times]) => sum + times, 0);
  return shares.map((share) => {
    let seen = 0;
    for (const [value, times] of sorted) {
      seen += times;
      if (seen >= share * total) return value;
    }
    return 0;
  });
}

async function run(command: string, args: string[], { durationMs, signal }: Load): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, {
    timeout: durationMs + GRACE_MS,
    killSignal: "SIGKILL",
    ...(signal === undefined ? {} : { signal }),
  });
  return stdout;
}

/** A text as a Lua literal. */
const quoted = (text: string) => `"${text.replace(/[\\"\n\r]/g, (c) => `\\${c.charCodeAt(0)}`)}"`;

/** A script for wrk, whose command line has no method and body, and whose report has no exact 90th percentile. */
function luaOf({ headers = {}, method = "GET", body }: Load): string {
  return [
    `wrk.method = ${quoted(method)}`,
    ...Object.entries(headers).map(([name, value]) => `wrk.headers[${quoted(name)}] = ${quoted(value)}`),
    ...(body === undefined ? [] : [`wrk.body = ${quoted(body)}`]),
    "done = function(summary, latency)",
    "  local e = summary.errors",
    "  local failed = e.connect + e.read + e.write + e.status + e.timeout",
    `  io.write(string.format("figures %d %d %d %d %d %d\\n", summary.requests, failed, summary.duration,`,
    "    latency:percentile(50), latency:percentile(90), latency:percentile(99)))",
    "end",
    "",
  ].join("\n");
}

/** Reads the output of the script for wrk: counts and microseconds. */
export function readWrk(output: string): Figures {
  const match = /^figures (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(output);
  if (match === null) throw new Error(`wrk reported nothing that can be read:\n${output.slice(0, 500)}`);
  const [requests, errors, micros, p50, p90, p99] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { requests, errors, seconds: micros / 1e6, p50Ms: p50 / 1000, p90Ms: p90 / 1000, p99Ms: p99 / 1000 };
}

/** Reads oha's JSON. Requests that it cut off at the end are no errors. */
export function readOha(output: string): Figures {
  const { summary, latencyPercentiles, statusCodeDistribution, errorDistribution } = JSON.parse(output);
  const count = (distribution: Record<string, number>, isCounted: (name: string) => boolean) =>
    Object.entries(distribution).reduce((sum, [name, times]) => sum + (isCounted(name) ? times : 0), 0);
  const answered = count(statusCodeDistribution, () => true);
  const refused = count(statusCodeDistribution, (status) => !/^[23]/.test(status));
  const failed = count(errorDistribution, (name) => name !== "aborted due to deadline");
  const ms = (name: string) => latencyPercentiles[name] * 1000;
  return {
    requests: answered,
    errors: refused + failed,
    seconds: summary.total,
    ...{ p50Ms: ms("p50"), p90Ms: ms("p90"), p99Ms: ms("p99") },
  };
}
