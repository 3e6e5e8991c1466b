/**
 * The black-box suite on WASI HTTP: the service as a component, served by jco, and by wasmtime where that is on the machine;
 * its store served by Node.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { Lanes } from "../support/lanes.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { buildWasi, findWasmtime, startJco, startWasmtime } from "../support/wasi.ts";
import { blackBox } from "./black-box.ts";
import { scenariosOn } from "./left-out.ts";
import { scenarios } from "./scenarios.ts";
import { logged, scenarioConfig, type Target, targetOf } from "./target.ts";

const TOKEN = "the-token-of-the-store";

/** Every request waits for all that the ones before have left to do; a scenario waits for its server, too. */
const SCENARIO_TIMEOUT_MS = 400_000;
/** Servers that answer one request at a time: each uses one processor. */
const SERVERS = 2;

/** jco serves either one request at a time, or several requests at once without their background work. */
const severalAtOnce = ["proxy: streams a body"];

/** An origin, a store, and the text of a component that uses both. */
interface Site {
  folder: string;
  origin: Origin;
  store: RunningProgram;
  component: string;
  env: Record<string, string>;
}

describe("black box on wasi", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  const sites: Site[] = [];
  const servers: RunningProgram[] = [];

  async function openSite(number: number): Promise<Site> {
    const own = join(folder, `${number}`);
    mkdirSync(own);
    const origin = await startOrigin();
    const hash = createHash("sha256").update(TOKEN).digest("hex");
    const store = await spawnServer("node", [
      ...["worker/cli/main.ts", "store", "--port", "0", "--token-hash", hash],
      ...["--store", `sqlite:${join(own, "graph.db")}`],
    ]);
    const config = JSON.stringify(configFile(scenarioConfig(origin.url)));
    const entry = `import { serve } from "${root}worker/entries/wasi.ts"; serve(${config});`;
    const component = await buildWasi(entry, own);
    const env = { MILLRACE_EDGE_COOKIE_STORE: store.url.replace("://", `://:${TOKEN}@`) };
    return { folder: own, origin, store, component, env };
  }

  const targetOn = ({ origin }: Site, server: RunningProgram, isOneAtATime: boolean): Target =>
    targetOf("wasi", server.url, origin, server.all, isOneAtATime);

  async function serve(site: Site, isolation: "instance" | "worker"): Promise<Target> {
    const server = await startJco(site.component, isolation, site.env);
    servers.push(server);
    return targetOn(site, server, isolation === "instance");
  }

  async function stopServers(): Promise<void> {
    for (const server of servers.splice(0)) await server.stop();
  }

  beforeAll(async () => {
    sites.push(...(await Promise.all(Array.from({ length: SERVERS }, (_, number) => openSite(number)))));
  }, 300_000);

  afterAll(async () => {
    for (const { store, origin } of sites) {
      await store.stop();
      await origin.close();
    }
    rmSync(folder, { recursive: true, force: true });
  });

  describe("one request at a time", () => {
    const targets = new Lanes<Target>();
    beforeAll(async () => {
      for (const site of sites) targets.add(await serve(site, "instance"));
    });
    afterAll(stopServers);

    blackBox("wasi", targets, {
      isWanted: (name) => !severalAtOnce.includes(name),
      timeoutMs: SCENARIO_TIMEOUT_MS,
    });

    test("health answers 200, unknown paths answer 404", () =>
      targets.lend(async (target) => {
        const health = await target.visit({}, { path: "/_ts/health" });
        assert.deepEqual([health.status, JSON.parse(health.body)], [200, { status: "ok" }]);
        const ready = await target.visit({}, { path: "/_ts/ready" });
        assert.deepEqual([ready.status, JSON.parse(ready.body)], [200, { status: "ok" }]);
        assert.equal((await target.visit({}, { path: "/_ts/nothing" })).status, 404);
      }));
  });

  describe("several requests at once", () => {
    let target: Target;
    beforeAll(async () => {
      target = await serve(sites[0]!, "worker");
    });
    afterAll(stopServers);

    blackBox("wasi", () => target, { isWanted: (name) => severalAtOnce.includes(name) });
  });

  // Runs where wasmtime is installed; no package of the tests has it.
  const wasmtime = findWasmtime();
  if (wasmtime !== null) {
    describe("on wasmtime", () => {
      let target: Target;
      beforeAll(async () => {
        const site = sites[0]!;
        const server = await startWasmtime(wasmtime, site.component, site.env);
        servers.push(server);
        target = targetOn(site, server, false);
      });
      afterAll(stopServers);

      test.each(scenariosOn("wasi", scenarios))("$name", ({ run }) => run(target));
    });
  }

  test("an invalid configuration is logged with its field, and pages fail with 500", async () => {
    const site = sites[0]!;
    const server = await startJco(site.component, "instance", { MILLRACE_EDGE_COOKIE_PASSPHRASES: "short" });
    try {
      const answer = await targetOn(site, server, true).visit({});
      assert.equal(answer.status, 500);
      await logged(server, /edgeCookie\.passphrases/);
    } finally {
      await server.stop();
    }
  });
});
