/**
 * The contract suites on a real Deno KV, in a file.
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { denoKvSuites } from "../contract/deno-kv.ts";
import { configFile } from "../support/config-file.ts";
import { startOrigin } from "../support/origin.ts";
import { root, runtimes, spawnServer } from "../support/spawn.ts";
import { ecCookieOf, scenarioConfig, targetOf } from "./target.ts";

const TIMEOUT_MS = 280_000;
const cases = Object.entries(denoKvSuites).flatMap(([suite, list]) =>
  list.map(({ name }) => ({ suite, name })),
);

async function run(...args: string[]): Promise<string> {
  const [command, ...first] = runtimes.deno;
  const script = join(root, "test/contract/deno-kv-run.ts");
  const { stdout } = await promisify(execFile)(command, [...first, script, ...args], { timeout: TIMEOUT_MS });
  return stdout;
}

describe("contract suites on deno", () => {
  let results: { suite: string; name: string; fault: string | null }[] = [];

  beforeAll(async () => {
    results = JSON.parse(await run());
  }, TIMEOUT_MS);

  test.each(cases)("$suite $name", ({ suite, name }) => {
    const result = results.find((one) => one.suite === suite && one.name === name);
    expect(result).toEqual({ suite, name, fault: null });
  });
});

test(
  "two processes that increment counters in one Deno KV file lose no update",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-"));
    try {
      const counts = await Promise.all([1, 2].map(() => run("count", join(folder, "counter.kv"), "60")));
      expect(Math.max(...counts.map(Number))).toBe(120);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  TIMEOUT_MS,
);

test("a server on Deno KV that is killed and restarted has each id that it returned", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  const origin = await startOrigin();
  const config = join(folder, "config.json");
  const store = `deno-kv:${join(folder, "graph.kv")}`;
  writeFileSync(
    config,
    JSON.stringify(configFile({ ...scenarioConfig(origin.url), listen: { port: 0 }, store })),
  );
  const start = () => spawnServer("deno", ["worker/cli/main.ts", "serve", "--config", config]);
  let server = await start();
  try {
    const ids: string[] = [];
    for (let n = 0; n < 10; n++) {
      const target = targetOf("deno", server.url, origin, server.log);
      const id = ecCookieOf(await target.visit({ ip: `198.51.100.${n}`, country: "JP" }))!.value;
      // The entries of the graph must persist from here on.
      if ((await target.entry(id)) !== null) ids.push(id);
    }
    expect(ids.length).toBeGreaterThan(0);
    await server.stop("SIGKILL");
    server = await start();
    const target = targetOf("deno", server.url, origin, server.log);
    for (const id of ids) expect(await target.entry(id)).toMatchObject({ consent: { ok: true } });
    expect(await server.stop()).toBe(0);
  } finally {
    await server.stop("SIGKILL");
    await origin.close();
    rmSync(folder, { recursive: true });
  }
});

test("Deno KV is the default store on Deno Deploy, and SQLite elsewhere", async () => {
  const [command] = runtimes.deno;
  const script = `console.log((await import("${new URL("worker/entries/deno.ts", `file://${root}`)}")).host.defaultStore)`;
  const defaultStore = async (env: Record<string, string>) => {
    const args = ["eval", "--unstable-kv", script];
    const { stdout } = await promisify(execFile)(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
    });
    return stdout.trim();
  };
  expect(await defaultStore({ DENO_DEPLOYMENT_ID: "a-deployment" })).toBe("deno-kv:");
  expect(await defaultStore({})).toBe("sqlite:./data/millrace.db");
});
