/**
 * The black-box suite on Fastly Compute: the service compiled by Fastly's compiler and served by Viceroy.
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { findViceroy } from "../../scripts/viceroy.ts";
import { buildFastly, startViceroy } from "../support/fastly.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import type { Program } from "../support/program.ts";
import { scenariosOn } from "./left-out.ts";
import { newcomer } from "./scenarios/identity.ts";
import { scenarios } from "./scenarios.ts";
import { scenarioConfig, type Target, targetOf } from "./target.ts";

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

  test.each(scenariosOn("fastly", scenarios))("$name", ({ run }) => run(target));

  test("health, and a plain 404 for what is not there", async () => {
    const health = await target.visit({}, { path: "/_ts/health" });
    assert.deepEqual([health.status, JSON.parse(health.body)], [200, { status: "ok" }]);
    assert.equal((await target.visit({}, { path: "/_ts/nothing" })).status, 404);
  });

  test("cookie headers as long as Viceroy takes them", async () => {
    const { id, visitor } = await newcomer(target);
    for (const cookie of [`a=${"x".repeat(14_000)}; ts-ec=${id}`, `${"a=b; ".repeat(2800)}ts-ec=${id}`]) {
      const answer = await target.visit(
        { ip: visitor.ip!, country: "JP" },
        { headers: [["cookie", cookie]] },
      );
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.setCookies, []);
    }
  });
});
