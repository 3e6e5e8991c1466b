/**
 * `millrace serve` before a site, beside the simplest proxies of the same runtime and nginx, in turn, in one run: requests a second,
 * the process's own time for a request, and delays. One core each: the proxy has one, the site (nginx) and the load (wrk) the other.
 *
 * Arguments: names of runtimes; without any, all. Prints a table, and writes it with what it was made of to
 * `test/results/proxy.json`.
 * @module
 */
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { configFile } from "../../support/config-file.ts";
import { nginx as nginxProgram } from "../../support/programs.ts";
import { type ProcessRuntime, root, runtimes } from "../../support/spawn.ts";
import { spreadOf } from "../harness.ts";

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const WARM_UP_S = Number(process.env.WARM_UP_S ?? 8);
const TURN_S = 3;
const CONNECTIONS = 32;
const PAGE_BYTES = 4096;
const SITE_PORT = 19_000;
/** The kernel counts a process's time in hundredths of a second. */
const TICK_MICROS = 10_000;

/** What was started and has not ended. */
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
process.on("SIGTERM", () => process.exit(1)).on("SIGINT", () => process.exit(1));

function start(command: readonly string[], stdio: StdioOptions): ChildProcess {
  const child = spawn(command[0]!, command.slice(1), { cwd: root, stdio });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
const isPinned = spawnSync("taskset", ["--version"]).status === 0 && cpus().length > 1;
const on = (core: number, command: readonly string[]) =>
  isPinned ? ["taskset", "-c", String(core), ...command] : [...command];

for (const [name, path] of [
  ["nginx", nginxProgram.find()],
  ["wrk", spawnSync("which", ["wrk"], { encoding: "utf8" }).stdout.trim() || null],
]) {
  if (path === null) {
    console.error(`bench: ${name} is missing; on Debian: apt-get install ${name}`);
    process.exit(1);
  }
}

/** nginx as the site, and as the limit: one worker each. */
function nginx(name: string, servers: string) {
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
  const command = on(name === "site" ? 1 : 0, [
    nginxProgram.find()!,
    "-p",
    home,
    "-c",
    join(home, "nginx.conf"),
  ]);
  return start(command, ["ignore", "ignore", "inherit"]);
}

writeFileSync(join(folder, "page.html"), "x".repeat(PAGE_BYTES));
nginx(
  "site",
  `open_file_cache max=10; server { listen 127.0.0.1:${SITE_PORT}; root ${folder}; location / { default_type text/html; try_files /page.html =404; } }`,
);
await new Promise((resolve) => setTimeout(resolve, 500));

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

/** Where a server listens, once it says so. */
function addressOf(child: ChildProcess, command: readonly string[]): Promise<string> {
  let output = "";
  return new Promise<string>((resolve, reject) => {
    child.on("exit", () => reject(new Error(`${command.join(" ")} ended`)));
    child.stdout!.on("data", (part) => {
      output += part;
      const found = /listening on (http:\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
}

/** Starts a server, asks it for an id, loads it, and ends it. */
async function turn(command: readonly string[]): Promise<Turn> {
  const child = start(on(0, command), ["ignore", "pipe", "ignore"]);
  const ended = once(child, "exit");
  const url = await addressOf(child, command);
  const minted = (await fetch(url)).headers.get("x-ts-ec") ?? `${"ab".repeat(32)}.Abc123`;
  load(url, minted, WARM_UP_S, child.pid!);
  const measured = load(url, minted, TURN_S, child.pid!);
  child.kill("SIGKILL");
  await ended;
  return measured;
}

const config = join(folder, "config.json");
writeFileSync(
  config,
  JSON.stringify(
    configFile({
      listen: { port: 0 },
      store: `sqlite:${join(folder, "graph.db")}`,
      publisher: { domain: "site.example", origin: `http://127.0.0.1:${SITE_PORT}` },
      passphrases: ["publisher-chosen-secret"],
      consent: { assumeCountry: "JP" },
    }),
  ),
);

async function limit(): Promise<Turn> {
  const port = SITE_PORT + 1;
  const child = nginx(
    `limit-${Math.random()}`,
    `upstream site { server 127.0.0.1:${SITE_PORT}; keepalive 128; } server { listen 127.0.0.1:${port};
     location / { proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  const url = `http://127.0.0.1:${port}`;
  load(url, "x", WARM_UP_S, child.pid!);
  const measured = load(url, "x", TURN_S, child.pid!);
  child.kill("SIGKILL");
  await once(child, "exit");
  return measured;
}

/** A site whose bodies are large: it sends 100 MB, or takes what comes. */
const PART = Buffer.alloc(256 * 1024, "0123456789abcdef");
const PARTS = 400;
const large = createServer((request, response) => {
  if (request.method !== "GET") {
    request.resume().on("end", () => response.end("taken"));
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
writeFileSync(
  largeConfig,
  readFileSync(config, "utf8").replace(`http://127.0.0.1:${SITE_PORT}`, largeOrigin),
);

/** How fast a proxy passes bodies of 100 MB, in MB a second: down, then up. */
async function bodies(command: readonly string[]): Promise<{ down: number; up: number }> {
  const child = start(on(0, command), ["ignore", "pipe", "ignore"]);
  const url = await addressOf(child, command);
  const { port } = new URL(url);
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
  child.kill("SIGKILL");
  await once(child, "exit");
  return { down: spreadOf(down.slice(2)).median, up: spreadOf(up.slice(2)).median };
}

const wanted = process.argv.slice(2).filter((name) => name in runtimes) as ProcessRuntime[];
const results: Record<string, Record<string, Turn[]>> = {};
let largeTable = "| runtime | | 100 MB down, MB/s | up, MB/s |\n| --- | --- | ---: | ---: |\n";
for (const runtime of wanted.length > 0 ? wanted : (Object.keys(runtimes) as ProcessRuntime[])) {
  const pass = (kind: string) => () =>
    turn([...runtimes[runtime], "test/bench/proxy/pass-through.ts", kind, `http://127.0.0.1:${SITE_PORT}`]);
  const contenders: Record<string, () => Promise<Turn>> = {
    "node:http": pass("node:http"),
    "http-proxy": pass("http-proxy"),
    undici: pass("undici"),
    "undici's dispatch": pass("undici's dispatch"),
    millrace: () => turn([...runtimes[runtime], "worker/cli/main.ts", "serve", "--config", config]),
    nginx: limit,
  };
  const of: Record<string, Turn[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  results[runtime] = of;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      of[name]!.push(await run());
      console.error(`bench: ${runtime}, round ${round + 1} of ${ROUNDS}: ${name}`);
    }
  }
}
const median = (turns: Turn[], key: keyof Turn) => spreadOf(turns.map((each) => each[key])).median;
let table =
  "| runtime | | requests/s | CPU µs a request | p50 ms | p99 ms | MiB | share of the fastest bare one |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
for (const [runtime, of] of Object.entries(results)) {
  const bare = ["node:http", "http-proxy", "undici", "undici's dispatch"].map((name) =>
    median(of[name]!, "perSecond"),
  );
  for (const [name, turns] of Object.entries(of)) {
    const perSecond = median(turns, "perSecond");
    const share = `${Math.round((100 * perSecond) / Math.max(...bare))}%`;
    table += `| ${runtime} | ${name} | ${Math.round(perSecond).toLocaleString("en")} | ${median(turns, "cpuMicros").toFixed(1)} | ${median(turns, "p50Ms").toFixed(2)} | ${median(turns, "p99Ms").toFixed(2)} | ${Math.round(median(turns, "residentMiB"))} | ${share} |\n`;
  }
}
if (!existsSync(join(root, "test/results"))) mkdirSync(join(root, "test/results"));
writeFileSync(join(root, "test/results/proxy.json"), `${JSON.stringify(results, null, 2)}\n`);
console.log(table);
for (const runtime of Object.keys(results) as ProcessRuntime[]) {
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
  for (const [name, command] of Object.entries(contenders)) {
    const { down, up } = await bodies(command);
    largeTable += `| ${runtime} | ${name} | ${Math.round(down)} | ${Math.round(up)} |\n`;
  }
}

console.log(largeTable);
process.exit(0);
