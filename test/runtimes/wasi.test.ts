/**
 * The black-box suite on WASI HTTP: the service as a component, served by jco, and by wasmtime where that is on the machine;
 * its store served by Node.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { buildWasi, findWasmtime, startJco, startWasmtime } from "../support/wasi.ts";
import { blackBox } from "./black-box.ts";
import { scenariosOn } from "./left-out.ts";
import { scenarios } from "./scenarios.ts";
import { logged, scenarioConfig, type Target, targetOf } from "./target.ts";

const TOKEN = "the-token-of-the-store";

/** Every request waits for all that the ones before have left to do. */
const SCENARIO_TIMEOUT_MS = 400_000;

/** jco serves either one request at a time, or several requests at once without their background work. */
const severalAtOnce = ["proxy: streams a body"];

describe("black box on wasi", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  let origin: Origin;
  let store: RunningProgram;
  let component: string;
  let server: RunningProgram;

  const storeAt = (url: string) => ({ MILLRACE_EDGE_COOKIE_STORE: url.replace("://", `://:${TOKEN}@`) });
  const serve = (isolation: "instance" | "worker") => startJco(component, isolation, storeAt(store.url));
  const target = (): Target => targetOf("wasi", server.url, origin, server.all);

  beforeAll(async () => {
    origin = await startOrigin();
    const hash = createHash("sha256").update(TOKEN).digest("hex");
    store = await spawnServer("node", [
      ...["worker/cli/main.ts", "store", "--port", "0", "--token-hash", hash],
      ...["--store", `sqlite:${join(folder, "graph.db")}`],
    ]);
    const config = JSON.stringify(configFile(scenarioConfig(origin.url)));
    const entry = `import { serve } from "${root}worker/entries/wasi.ts"; serve(${config});`;
    component = await buildWasi(entry, folder);
  }, 300_000);

  afterAll(async () => {
    await store?.stop();
    await origin?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describe("one request at a time", () => {
    beforeAll(async () => {
      server = await serve("instance");
    });
    afterAll(() => server?.stop());

    blackBox("wasi", target, (name) => !severalAtOnce.includes(name), SCENARIO_TIMEOUT_MS);

    test("health answers 200, unknown paths answer 404", async () => {
      const health = await target().visit({}, { path: "/_ts/health" });
      assert.deepEqual([health.status, JSON.parse(health.body)], [200, { status: "ok" }]);
      const ready = await target().visit({}, { path: "/_ts/ready" });
      assert.deepEqual([ready.status, JSON.parse(ready.body)], [200, { status: "ok" }]);
      assert.equal((await target().visit({}, { path: "/_ts/nothing" })).status, 404);
    });
  });

  describe("several requests at once", () => {
    beforeAll(async () => {
      server = await serve("worker");
    });
    afterAll(() => server?.stop());

    blackBox("wasi", target, (name) => severalAtOnce.includes(name));
  });

  // Runs where wasmtime is installed; no package of the tests has it.
  const wasmtime = findWasmtime();
  if (wasmtime !== null) {
    describe("on wasmtime", () => {
      beforeAll(async () => {
        server = await startWasmtime(wasmtime, component, storeAt(store.url));
      });
      afterAll(() => server?.stop());

      test.each(scenariosOn("wasi", scenarios))("$name", ({ run }) => run(target()));
    });
  }

  test("an invalid configuration is logged with its field, and pages fail with 500", async () => {
    server = await startJco(component, "instance", { MILLRACE_EDGE_COOKIE_PASSPHRASES: "short" });
    try {
      const answer = await target().visit({});
      assert.equal(answer.status, 500);
      await logged(server, /edgeCookie\.passphrases/);
    } finally {
      await server.stop();
    }
  });
});
