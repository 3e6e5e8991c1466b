/**
 * The black-box suite on Fastly Compute: the service compiled by Fastly's compiler and served by Viceroy.
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { findViceroy } from "../../scripts/cargo-tools.ts";
import { configFile } from "../support/config-file.ts";
import { buildFastly, startViceroy } from "../support/fastly.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { visit } from "../support/visit.ts";
import { blackBox } from "./black-box.ts";
import { newcomer } from "./scenarios/identity.ts";
import {
  DOMAIN,
  ecCookieOf,
  expectedHash,
  logged,
  PASSPHRASE,
  scenarioConfig,
  type Target,
  targetOf,
} from "./target.ts";

/** The `fastly.toml` of the scenarios' service. */
const LOCAL_SERVER = `
[local_server.kv_stores]
millrace = [{ key = "made", data = "" }]
[local_server.secret_stores]
millrace = [{ key = "passphrase", data = "${PASSPHRASE}" }]
[local_server.geolocation]
format = "inline-toml"
[local_server.geolocation.addresses."127.0.0.1"]
country_code = "US"
region = "OH"
`;

describe.skipIf(findViceroy() === null)("black box on fastly", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  let origin: Origin;
  let server: RunningProgram;
  let target: Target;

  beforeAll(async () => {
    origin = await startOrigin();
    const options = scenarioConfig(origin.url);
    const passphrases = [{ secret: "passphrase" }, ...options.passphrases.slice(1)];
    const config = JSON.stringify(configFile({ ...options, passphrases }));
    const { wasm } = await buildFastly({
      entry: `import { serve } from "./worker/entries/fastly.ts"; serve(${config});`,
      folder,
    });
    server = await startViceroy(wasm, folder, LOCAL_SERVER);
    target = targetOf("fastly", server.url, origin, server.all);
  }, 300_000);

  afterAll(async () => {
    await server?.stop();
    await origin?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  blackBox("fastly", () => target);

  test("health answers 200, unknown paths answer 404", async () => {
    const health = await target.visit({}, { path: "/_ts/health" });
    assert.deepEqual([health.status, JSON.parse(health.body)], [200, { status: "ok" }]);
    const ready = await target.visit({}, { path: "/_ts/ready" });
    assert.deepEqual([ready.status, JSON.parse(ready.body)], [200, { status: "ok" }]);
    assert.equal((await target.visit({}, { path: "/_ts/nothing" })).status, 404);
  });

  test("accepts cookie headers up to Viceroy's limit", async () => {
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

describe.skipIf(findViceroy() === null)("the client, the secrets and the stores of Fastly", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  let server: RunningProgram;

  /** A service whose site returns the number of requests of its instance. */
  const build = (config: object) =>
    buildFastly({
      entry: `import { serve } from "./worker/entries/fastly.ts";
        let count = 0;
        serve(${JSON.stringify(configFile(config))}, {
          site: (request, event) => new Response(\`\${++count} \${event.client.address}\`),
          requestsPerInstance: 3,
        });`,
      folder,
    });
  const config = { publisher: { domain: DOMAIN }, passphrases: [{ secret: "passphrase" }] };

  beforeAll(async () => {
    const { wasm } = await build(config);
    server = await startViceroy(wasm, folder, LOCAL_SERVER);
  }, 300_000);

  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("reads address and country from Fastly unless the configuration names a header, and never from another header", async () => {
    const headers: [string, string][] = [
      ["x-test-ip", "203.0.113.1"],
      ["x-forwarded-for", "203.0.113.1"],
      ["x-test-country", "FR"],
    ];
    const answer = await visit(server.url, { headers });
    // The local server locates loopback in Ohio, a state without consent rules here.
    assert.equal(ecCookieOf(answer)?.value.slice(0, 64), expectedHash("127.0.0.1"));
    assert.match(answer.body, /^\d 127\.0\.0\.1$/);
  });

  test("an instance serves the configured number of requests", async () => {
    const counts: number[] = [];
    for (let n = 0; n < 9; n++) counts.push(Number.parseInt((await visit(server.url, {})).body, 10));
    assert.equal(Math.max(...counts), 3);
    assert.ok(counts.filter((count) => count === 3).length >= 2, `${counts}`);
  });

  test("an invalid configuration fails the build and names the field", async () => {
    const faulty = { ...config, consent: { gdprCountries: ["France"] }, store: "redis://127.0.0.1" };
    await assert.rejects(build(faulty), (error: Error) => /consent\.gdprCountries\[0\]/.test(error.message));
    await assert.rejects(build({ ...config, store: "redis://127.0.0.1" }), /it has fastly-kv:NAME/);
    await assert.rejects(build({ ...config, limiter: "redis://127.0.0.1" }), /it has local.*fastly-erl:NAME/);
  });

  test("a missing secret is named in the log, and requests fail", async () => {
    const { wasm } = await build({ ...config, passphrases: [{ secret: "forgotten" }] });
    const without = await startViceroy(wasm, folder, LOCAL_SERVER);
    try {
      const answer = await visit(without.url, {});
      assert.deepEqual([answer.status, answer.setCookies], [500, []]);
      await logged(without, /the secret store millrace has no secret forgotten/);
    } finally {
      await without.stop();
    }
  }, 240_000);
});
