/**
 * `millrace serve` before a site, beside the simplest proxies of the same runtime and nginx, in turn, in one run: requests a
 * second, processor time for a request, and delays. The proxy has one core; the site (nginx) and the load (wrk) share the
 * other. Prints tables and writes the figures to `test/results/proxy.json`; with `--write` also to the documentation.
 * @module
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import getPort from "get-port";
import { configFile } from "../../support/config-file.ts";
import { findProgram } from "../../support/find-program.ts";
import { nginx as nginxProgram } from "../../support/programs.ts";
import { type ProcessRuntime, root, runtimes } from "../../support/spawn.ts";
import { type RunningProgram, startProgram } from "../../support/start-program.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { writeDocuments } from "../documents.ts";
import { spreadOf } from "../harness.ts";
import { latestEdgeCookie, saveEdgeCookie } from "../latest.ts";
import { type Provenance, provenanceHere } from "../provenance.ts";
import { hostOf, mergeResults, type Results } from "../results.ts";
import { type Proxied, type ProxiedPages, proxyTables } from "./report.ts";

const RUNTIMES = Object.keys(runtimes) as ProcessRuntime[];
const { values, names } = readToolOptions({
  name: "bench:proxy",
  summary:
    "Measures millrace serve beside the simplest proxies of each runtime and nginx, and prints tables.",
  names: { placeholder: "RUNTIME", summary: "runtimes to measure (default: all)", all: RUNTIMES },
  options: {
    rounds: { default: 5, summary: "number of rounds" },
    "warm-up": { default: 8, summary: "seconds of load before each measurement" },
    write: WRITE,
  },
});
const ROUNDS = values.rounds;
const WARM_UP_S = values["warm-up"];
const TURN_S = 3;
const CONNECTIONS = 32;
const PAGE_BYTES = 4096;
/** The kernel counts a process's time in hundredths of a second. */
const TICK_MICROS = 10_000;

process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("SIGTERM", () => process.exit(1)).on("SIGINT", () => process.exit(1));

const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
const isPinned = spawnSync("taskset", ["--version"]).status === 0 && cpus().length > 1;
const on = (core: number, command: readonly string[]) =>
  isPinned ? ["taskset", "-c", String(core), ...command] : [...command];

for (const [name, path] of [
  ["nginx", nginxProgram.find()],
  ["wrk", findProgram("wrk")],
]) {
  if (path === null) {
    console.error(`bench: ${name} is missing; on Debian: apt-get install ${name}`);
    process.exit(1);
  }
}

/** Starts nginx with one worker, as the site and as the limit. */
function nginx(name: string, port: number, servers: string): Promise<RunningProgram> {
  const home = join(folder, name);
  mkdirSync(home);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((each) => `${each}_temp_path ${home}/${each};`)
    .join(" ");
  writeFileSync(
    join(home, "nginx.conf"),
    `daemon off; master_process off; pid ${home}/pid; error_log ${home}/error.log; events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; ${temporary} ${servers} }`,
  );
  const [command, ...args] = on(name === "site" ? 1 : 0, [
    nginxProgram.find()!,
    "-p",
    home,
    "-c",
    join(home, "nginx.conf"),
  ]);
  return startProgram({ command: command!, args, ready: () => accepts(port) });
}

/** Whether a port on loopback accepts connections. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/** Starts a server on the proxy's core and waits for the line with its URL. */
function startServer(line: readonly string[]): Promise<RunningProgram> {
  const [command, ...args] = on(0, line);
  return startProgram({ command: command!, args, cwd: root, ready: /listening on (http:\S+)/ });
}

const sitePort = await getPort({ host: "127.0.0.1" });

writeFileSync(join(folder, "page.html"), "x".repeat(PAGE_BYTES));
await nginx(
  "site",
  sitePort,
  `open_file_cache max=10; server { listen 127.0.0.1:${sitePort}; root ${folder}; location / { default_type text/html; try_files /page.html =404; } }`,
);

const cookies = `theme=dark; _ga=GA1.2.1234567890.1700000000; session=0123456789abcdef0123456789abcdef; ts-ec=`;
const fields = (id: string) => [
  `Cookie: ${cookies}${id}`,
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate, br",
  "Accept-Language: en-GB,en;q=0.5",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
];

interface Turn {
  /** Resident memory at the end of the turn, in MiB. */
  residentMiB: number;
  perSecond: number;
  cpuMicros: number;
  p50Ms: number;
  p99Ms: number;
}

function processMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(stat[11]) + Number(stat[12])) * TICK_MICROS;
}

const inMs = (text: string | undefined) => {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text ?? "") ?? [];
  return Number(number) * { us: 0.001, ms: 1, s: 1000 }[unit as "us" | "ms" | "s"];
};

function load(url: string, id: string, seconds: number, pid: number): Turn {
  const headers = fields(id).flatMap((field) => ["-H", field]);
  const before = processMicros(pid);
  const [command, ...args] = on(1, [
    ...["wrk", "-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, "--latency", ...headers, `${url}/page?a=1`],
  ]);
  const { stdout } = spawnSync(command!, args, { encoding: "utf8" });
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  const requests = Number(/(\d+) requests in/.exec(stdout)![1]);
  return {
    residentMiB: (Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096) / 1_048_576,
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)![1]),
    cpuMicros: (processMicros(pid) - before) / requests,
    p50Ms: inMs(/50%\s+(\S+)/.exec(stdout)?.[1]),
    p99Ms: inMs(/99%\s+(\S+)/.exec(stdout)?.[1]),
  };
}

const versionOf = (runtime: ProcessRuntime) =>
  /\d+\.\d+\.\d+/.exec(spawnSync(runtimes[runtime][0], ["--version"], { encoding: "utf8" }).stdout)![0];

/** Starts a server, gets an id from it, loads it, and ends it. */
async function turn(command: readonly string[]): Promise<Turn> {
  const server = await startServer(command);
  const { url, pid } = server;
  const minted = (await fetch(url)).headers.get("x-ts-ec") ?? `${"ab".repeat(32)}.Abc123`;
  load(url, minted, WARM_UP_S, pid);
  const measured = load(url, minted, TURN_S, pid);
  await server.stop("SIGKILL");
  return measured;
}

const config = join(folder, "config.json");
writeFileSync(
  config,
  JSON.stringify(
    configFile({
      listen: { port: 0 },
      store: `sqlite:${join(folder, "graph.db")}`,
      publisher: { domain: "site.example", origin: `http://127.0.0.1:${sitePort}` },
      passphrases: ["publisher-chosen-secret"],
      consent: { assumeCountry: "JP" },
    }),
  ),
);

let limits = 0;

async function limit(): Promise<Turn> {
  const port = await getPort({ host: "127.0.0.1" });
  const server = await nginx(
    `limit-${limits++}`,
    port,
    `upstream site { server 127.0.0.1:${sitePort}; keepalive 128; } server { listen 127.0.0.1:${port};
     location / { proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
  );
  const url = `http://127.0.0.1:${port}`;
  load(url, "x", WARM_UP_S, server.pid);
  const measured = load(url, "x", TURN_S, server.pid);
  await server.stop("SIGKILL");
  return measured;
}

/** A site with large bodies: it sends 100 MB, or reads the whole request. */
const PART = Buffer.alloc(256 * 1024, "0123456789abcdef");
const PARTS = 400;
const large = createServer((request, response) => {
  if (request.method !== "GET") {
    request.resume().on("end", () => response.end("received"));
    return;
  }
  response.writeHead(200, { "content-length": PARTS * PART.length });
  let left = PARTS;
  const write = () => {
    while (left-- > 0) if (!response.write(PART)) return response.once("drain", write);
    response.end();
  };
  write();
});
large.listen(0, "127.0.0.1");
await once(large, "listening");
const largeOrigin = `http://127.0.0.1:${(large.address() as AddressInfo).port}`;
const largeConfig = join(folder, "large.json");
writeFileSync(largeConfig, readFileSync(config, "utf8").replace(`http://127.0.0.1:${sitePort}`, largeOrigin));

/** Throughput of a proxy with bodies of 100 MB, in MB a second. */
async function bodies(command: readonly string[]): Promise<{ down: number; up: number }> {
  const server = await startServer(command);
  const { port } = new URL(server.url);
  async function transfer(head: string, isUp: boolean): Promise<number> {
    const socket = connect(Number(port), "127.0.0.1");
    const began = performance.now();
    socket.write(
      `${head} HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n${isUp ? `Content-Length: ${PARTS * PART.length}\r\n` : ""}\r\n`,
    );
    socket.resume();
    if (isUp) for (let i = 0; i < PARTS; i++) if (!socket.write(PART)) await once(socket, "drain");
    await once(socket, "close");
    return (PARTS * PART.length) / 1e6 / ((performance.now() - began) / 1000);
  }
  const [down, up]: [number[], number[]] = [[], []];
  for (let i = 0; i < 8; i++) {
    down.push(await transfer("GET /large", false));
    up.push(await transfer("POST /large", true));
  }
  await server.stop("SIGKILL");
  return { down: spreadOf(down.slice(2)).median, up: spreadOf(up.slice(2)).median };
}

const median = (turns: Turn[], key: keyof Turn) => spreadOf(turns.map((each) => each[key])).median;
const mediansOf = (turns: Turn[]): ProxiedPages => ({
  perSecond: median(turns, "perSecond"),
  cpuMicros: median(turns, "cpuMicros"),
  p50Ms: median(turns, "p50Ms"),
  p99Ms: median(turns, "p99Ms"),
  residentMiB: median(turns, "residentMiB"),
});

/** Throughput of proxies of a runtime with large bodies, by name. */
async function bodiesOf(runtime: ProcessRuntime): Promise<Proxied["bodies"]> {
  const pass = (kind: string) => [
    ...runtimes[runtime],
    "test/bench/proxy/pass-through.ts",
    kind,
    largeOrigin,
  ];
  const contenders: Record<string, string[]> = {
    "node:http": pass("node:http"),
    "http-proxy": pass("http-proxy"),
    millrace: [...runtimes[runtime], "worker/cli/main.ts", "serve", "--config", largeConfig],
  };
  const measured: Record<string, { down: number; up: number }> = {};
  for (const [name, command] of Object.entries(contenders)) {
    console.error(`bench: ${runtime}, bodies of 100 MB: ${name}`);
    measured[name] = await bodies(command);
  }
  return measured;
}

const proxy: Record<string, Proxied> = {};
const provenance: Record<string, Provenance> = {};
for (const runtime of RUNTIMES.filter((name) => names.length === 0 || names.includes(name))) {
  const pass = (kind: string) => () =>
    turn([...runtimes[runtime], "test/bench/proxy/pass-through.ts", kind, `http://127.0.0.1:${sitePort}`]);
  const contenders: Record<string, () => Promise<Turn>> = {
    "node:http": pass("node:http"),
    "http-proxy": pass("http-proxy"),
    undici: pass("undici"),
    "undici's dispatch": pass("undici's dispatch"),
    millrace: () => turn([...runtimes[runtime], "worker/cli/main.ts", "serve", "--config", config]),
    nginx: limit,
  };
  const of: Record<string, Turn[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      of[name]!.push(await run());
      console.error(`bench: ${runtime}, round ${round + 1} of ${ROUNDS}: ${name}`);
    }
  }
  const host = hostOf(runtime);
  proxy[host] = {
    pages: Object.fromEntries(Object.entries(of).map(([name, turns]) => [name, mediansOf(turns)])),
    bodies: await bodiesOf(runtime),
  };
  provenance[host] = provenanceHere({ [host]: versionOf(runtime) });
}
console.log(proxyTables(proxy, provenance));
const results: Results = { provenance: { proxy: provenance }, benches: {}, proxy };
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(join(root, "test/results/proxy.json"), `${JSON.stringify(results, null, 2)}\n`);
if (values.write) {
  saveEdgeCookie(mergeResults(latestEdgeCookie(), results));
  for (const file of writeDocuments()) console.error(`bench: ${file} is updated`);
}
process.exit(0);
