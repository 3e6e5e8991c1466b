/**
 * The black-box suite on Cloudflare's runtime: the service in workerd, its store and its limits in Durable Objects.
 * @module
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Origin, startOrigin } from "../support/origin.ts";
import { startWorker, type Worker } from "../support/workerd.ts";
import { scenariosOn } from "./left-out.ts";
import { scenarios } from "./scenarios.ts";
import { admin, scenarioConfig, type Target, targetOf } from "./target.ts";

describe("black box on cloudflare", () => {
  let origin: Origin;
  let worker: Worker;
  let target: Target;

  beforeAll(async () => {
    origin = await startOrigin();
    const config = JSON.stringify(scenarioConfig(origin.url));
    worker = await startWorker({
      entry: `
        import { Millrace, serve } from "./worker/entries/cloudflare.ts";
        export { Millrace };
        export default serve(${config});`,
    });
    target = targetOf("cloudflare", worker.url, origin, worker.log);
  });

  afterAll(async () => {
    await worker?.stop();
    await origin?.close();
  });

  test.each(scenariosOn("cloudflare", scenarios))("$name", ({ run }) => run(target));

  test("health, metrics for the operator, and a plain 404 for what is not there", async () => {
    expect(await target.visit({}, { path: "/_ts/health" })).toMatchObject({
      status: 200,
      body: '{"status":"ok"}',
    });
    expect((await target.visit({}, { path: "/_ts/metrics" })).status).toBe(401);
    const metrics = await admin(target, "GET", "/_ts/metrics");
    expect(metrics.status).toBe(200);
    expect(metrics.body).toMatch(/^ec_minted_total [1-9]\d*$/m);
    expect((await target.visit({}, { path: "/_ts/nothing" })).status).toBe(404);
  });
});
