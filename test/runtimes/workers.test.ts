/**
 * `millrace serve --workers N`: limits that hold for all processes together, metrics that are those of all, and processes that are
 * replaced, die and stop.
 * @module
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { isRunning } from "../support/is-running.ts";
import { namespaceFault, namespaceOf } from "../support/namespace.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessRuntime, root, runtimes } from "../support/spawn.ts";
import { type RunningProgram, runCommand, startProgram } from "../support/start-program.ts";
import { admin, eventually, scenarioConfig, type Target, targetOf } from "./target.ts";

/** Limit of a partner's requests in a minute, and how many it makes at once. */
const LIMIT = 20;
const REQUESTS = 60;
/** A partner for each round, in which both processes may not have answered yet. */
const PARTNERS = Array.from({ length: 20 }, (_, i) => ({
  id: `partner-${i}`,
  apiKey: `the-key-of-the-partner-number-${i}`,
  batchRateLimit: LIMIT,
}));
/** Processes start slowly on a busy machine, in milliseconds. */
const STARTS_MS = 120_000;
/** Least number of connections during a replacement. */
const CONNECTIONS = 2000;
/** An id that no visitor has. */
const UNKNOWN_ID = `${"0".repeat(64)}.abcdef`;
const MIGRATES = "/proc/sys/net/ipv4/tcp_migrate_req";
/** Begins a command line that runs in a network namespace whose kernel keeps the connections of a listener that closes. */
const MIGRATING = [
  "unshare",
  "-n",
  "sh",
  "-c",
  `ip link set lo up && echo 1 > ${MIGRATES} && exec "$@"`,
  "sh",
];

const folder = mkdtempSync(join(tmpdir(), "millrace-workers-"));
let origin: Origin;
beforeAll(async () => {
  origin = await startOrigin();
});
afterAll(async () => {
  await origin.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(
  runtime: ProcessRuntime,
  workers: number,
  options: object = {},
  before: readonly string[] = [],
): Promise<RunningProgram> {
  const name = `${runtime}-${workers}-${before.length}`;
  const config = join(folder, `${name}.json`);
  const content = configFile({
    ...scenarioConfig(origin.url),
    listen: { port: 0 },
    log: { access: true },
    store: `sqlite:${join(folder, `${name}.db`)}`,
    partners: PARTNERS,
    ...options,
  });
  writeFileSync(config, JSON.stringify(content));
  const [command, ...args] = [
    ...before,
    ...runtimes[runtime],
    ...["worker/cli/main.ts", "serve", "--workers", String(workers), "--config", config],
  ];
  return startProgram({
    ...{ command: command!, args, cwd: root },
    ready: /^millrace edge-cookie listening on (http:\S+)$/m,
  });
}

/** The processes that a process started and that live. */
function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8"));
  return lists.flatMap((list) => list.trim().split(" ").filter(Boolean).map(Number)).sort();
}

/** How many requests each worker logged. */
function answeredBy(log: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const line of log.split("\n")) {
    if (!line.startsWith("{")) continue;
    const { worker, path } = JSON.parse(line) as { worker?: number; path?: string };
    if (worker !== undefined && path !== undefined) counts.set(worker, (counts.get(worker) ?? 0) + 1);
  }
  return counts;
}

async function sumOf(target: Target, name: string, labels: string): Promise<number> {
  const text = (await admin(target, "GET", "/_ts/metrics")).body;
  const lines = text.split("\n").filter((each) => each.startsWith(`${name}{`) && each.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** Asks for replacement while connections are made, and waits until every worker is another process. */
async function replaceUnderLoad(server: RunningProgram, path: string, before: readonly string[] = []) {
  const [command, ...args] = [...before, ...runtimes.node, "test/support/connection-loop.ts"];
  const loop = await startProgram({
    ...{ command: command!, args: [...args, `${server.url}${path}`, String(CONNECTIONS)], cwd: root },
    ready: /^started$/m,
    stopTimeoutMs: 60_000,
  });
  try {
    const old = childrenOf(server.pid);
    server.kill("SIGUSR2");
    await eventually(
      "other processes",
      async () => {
        const now = childrenOf(server.pid);
        return (now.length === old.length && now.every((pid) => !old.includes(pid))) || undefined;
      },
      STARTS_MS,
    );
    await loop.stop();
    return JSON.parse(loop.output().trim().split("\n").at(-1)!) as { answered: number; failed: object };
  } finally {
    await loop.stop("SIGKILL");
  }
}

describe.each<ProcessRuntime>(["node", "bun", "deno"])("two workers on %s", (runtime) => {
  let server: RunningProgram;
  let target: Target;
  beforeAll(async () => {
    server = await start(runtime, 2);
    target = targetOf(runtime, server.url, origin, server.log);
  });
  afterAll(() => server?.stop("SIGKILL"));

  test("count one limit together, and metrics and status are those of both", async () => {
    let rounds = 0;
    for (const { apiKey } of PARTNERS) {
      rounds++;
      const request = {
        path: `/_ts/api/v1/sync/${UNKNOWN_ID}`,
        headers: [["authorization", `Bearer ${apiKey}`]] as [string, string][],
      };
      const answers = await Promise.all(Array.from({ length: REQUESTS }, () => target.visit({}, request)));
      const countOf = (wanted: number) => answers.filter(({ status }) => status === wanted).length;
      // 503: the limiter did not answer in time. Such a request may have been counted.
      expect(countOf(404) + countOf(429) + countOf(503)).toBe(REQUESTS);
      expect(countOf(404)).toBeLessThanOrEqual(LIMIT);
      expect(countOf(404) + countOf(503)).toBeGreaterThanOrEqual(LIMIT);
      if (answeredBy(server.log()).size === 2) break;
    }
    expect(answeredBy(server.log()).size).toBe(2);
    const asked = "millrace_ec_partner_requests_total";
    expect(await sumOf(target, asked, "partner=")).toBe(rounds * REQUESTS);
    const status = JSON.parse((await admin(target, "GET", "/_ts/admin/status")).body);
    expect(status.workers).toBe(2);
    const { series } = status.metrics.find(({ name }: { name: string }) => name === asked);
    expect(series.reduce((sum: number, { value }: { value: number }) => sum + value, 0)).toBe(
      rounds * REQUESTS,
    );
    expect(await sumOf(target, "millrace_window_keys", 'table="partners"')).toBe(rounds);
  });

  test("are replaced without a failed connection and without a lost count", async () => {
    if (runtime === "bun" && readFileSync(MIGRATES, "utf8").trim() !== "1") {
      const old = childrenOf(server.pid);
      server.kill("SIGUSR2");
      await eventually("a refusal", async () => server.log().includes("tcp_migrate_req") || undefined);
      expect(childrenOf(server.pid)).toEqual(old);
      return;
    }
    const before = await sumOf(target, "millrace_ec_requests_total", 'route="organic"');
    const { answered, failed } = await replaceUnderLoad(server, "/");
    expect(failed).toEqual({});
    expect(answered).toBeGreaterThanOrEqual(CONNECTIONS);
    expect(await sumOf(target, "millrace_ec_requests_total", 'route="organic"')).toBe(before + answered);
  });

  test("one that is killed is started again; the signal to stop ends all", async () => {
    const [killed, other] = childrenOf(server.pid);
    process.kill(killed!, "SIGKILL");
    const now = await eventually(
      "another process",
      async () => {
        const children = childrenOf(server.pid);
        return children.length === 2 && !children.includes(killed!) ? children : undefined;
      },
      STARTS_MS,
    );
    expect(now).toContain(other);
    expect((await target.visit({ ip: "203.0.113.9", country: "JP" })).status).toBe(200);
    server.kill("SIGTERM");
    expect((await server.ended).code, server.log().slice(-3000)).toBe(0);
    await expect.poll(() => now.filter(isRunning)).toEqual([]);
  });

  test("a worker ends with its parent", async () => {
    const alone = await start(runtime, 1);
    const children = childrenOf(alone.pid);
    expect(children).toHaveLength(1);
    alone.kill("SIGKILL");
    await alone.ended;
    await eventually("its end", async () => (children.some(isRunning) ? undefined : true));
  });
});

test("workers on bun are replaced where the kernel keeps the connections of a listener that closes", async () => {
  const fault = namespaceFault();
  if (fault !== null && process.env.CI !== "true") return console.log(`left out: ${fault}`);
  const server = await start("bun", 2, {}, MIGRATING);
  try {
    const { answered, failed } = await replaceUnderLoad(
      server,
      // The site is not in this namespace.
      "/_ts/health",
      namespaceOf(server.pid),
    );
    expect(failed).toEqual({});
    expect(answered).toBeGreaterThanOrEqual(CONNECTIONS);
  } finally {
    await server.stop("SIGKILL");
  }
});

test("serve and check refuse what several processes cannot serve", async () => {
  const config = join(folder, "refused.json");
  const check = async (content: object, workers: string) => {
    writeFileSync(config, JSON.stringify(content));
    const [command, ...args] = [...runtimes.node, "worker/cli/main.ts", "check", "--config", config];
    const { code, stderr } = await runCommand({
      ...{ command: command!, args: [...args, "--workers", workers], cwd: root },
    });
    return { code, stderr };
  };
  const options = { ...scenarioConfig(origin.url), store: "memory:" };
  expect(await check(configFile(options), "2")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("edgeCookie.store"),
  });
  expect((await check(configFile({ ...options, store: "sqlite:graph.db" }), "2")).code).toBe(0);
  expect((await check(configFile({ ...options, store: "sqlite:graph.db" }), "0")).code).toBe(2);
  const grasp = { grasp: { domain: "127.0.0.1:7334", dataDirectory: join(folder, "grasp") } };
  expect((await check(grasp, "2")).code).toBe(1);
});
