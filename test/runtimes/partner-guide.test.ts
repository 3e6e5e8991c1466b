import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { runGuide } from "../support/guide.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { curl } from "../support/programs.ts";
import { root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { ADMIN_TOKEN, scenarioConfig } from "./target.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-guide-"));
let origin: Origin;
let server: RunningProgram;

beforeAll(async () => {
  origin = await startOrigin();
  const config = join(folder, "config.json");
  const anyCountry = { client: {}, consent: { assumeCountry: "JP" } };
  writeFileSync(
    config,
    JSON.stringify(
      configFile({
        ...scenarioConfig(origin.url),
        ...anyCountry,
        listen: { port: 0 },
        store: "memory:",
      }),
    ),
  );
  server = await spawnServer("node", ["worker/cli/main.ts", "serve", "--config", config]);
});

afterAll(async () => {
  await server?.stop();
  await origin?.close();
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(curl.find() === null)("the commands of partner-guide.md run as written", async () => {
  const visit = await fetch(server.url);
  const page = readFileSync(join(root, "docs/edge-cookie/partner-guide.md"), "utf8");
  const guide = mkdtempSync(join(folder, "run-"));
  const { ran, shown } = await runGuide(page, {
    folder: guide,
    variables: {
      MILLRACE: server.url,
      PARTNER: "ssp_x",
      API_KEY: "the-key-of-the-guide-0123456789",
      PULL_URL: "http://127.0.0.1:1/",
      PULL_TOKEN: "the-token-of-the-guide",
      EC_ID: visit.headers.get("x-ts-ec")!,
      ADMIN_TOKEN,
    },
    serverEnv: { PORT: "0" },
    onServer: (port) => ({ PULL_URL: `http://127.0.0.1:${port}/ec` }),
  });
  expect(ran).toBeGreaterThan(10);
  expect(shown).toEqual([]);
});
