/**
 * The black-box suite on Fastly Compute: the service compiled by Fastly's compiler and served by Viceroy.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { findViceroy } from "../../scripts/viceroy.ts";
import { buildFastly, startViceroy } from "../support/fastly.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import type { Program } from "../support/program.ts";
import { badInputScenarios } from "./scenarios/bad-input.ts";
import { consentScenarios } from "./scenarios/consent.ts";
import { identityScenarios } from "./scenarios/identity.ts";
import { proxyScenarios } from "./scenarios/proxy.ts";
import { pullSyncScenarios } from "./scenarios/pull-sync.ts";
import { scenarioConfig, type Target, targetOf } from "./target.ts";

const scenarios = [
  ...identityScenarios,
  ...consentScenarios,
  ...proxyScenarios,
  ...pullSyncScenarios,
  ...badInputScenarios,
];

/** What stands in `fastly.toml` for the service of the scenarios. */
const LOCAL_SERVER = `
[local_server.kv_stores]
millrace = [{ key = "made", data = "" }]
[local_server.secret_stores]
millrace = [{ key = "passphrase", data = "publisher-chosen-secret" }]
`;

describe.skipIf(findViceroy() === null)("black box on fastly", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  let origin: Origin;
  let server: Program;
  let target: Target;

  beforeAll(async () => {
    origin = await startOrigin();
    const config = JSON.stringify(scenarioConfig(origin.url));
    const { wasm } = await buildFastly({
      entry: `import { serve } from "./worker/entries/fastly.ts"; serve(${config});`,
      folder,
    });
    server = await startViceroy(wasm, folder, LOCAL_SERVER);
    target = targetOf("fastly", server.url, origin, server.log);
  }, 300_000);

  afterAll(async () => {
    await server?.stop();
    await origin?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(scenarios)("$name", ({ run }) => run(target));
});
