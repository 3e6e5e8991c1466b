/**
 * The black-box suite on Cloudflare's runtime: the service in workerd, its store and its limits in Durable Objects.
 * @module
 */
import { readFileSync } from "node:fs";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bundle, bundle } from "../support/bundle.ts";
import { configFile } from "../support/config-file.ts";
import { foreignInputs } from "../support/foreign-inputs.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { root } from "../support/spawn.ts";
import { startWorker, type Worker } from "../support/workerd.ts";
import { blackBox } from "./black-box.ts";
import { admin, expectedHash, PASSPHRASE, scenarioConfig, type Target, targetOf } from "./target.ts";

describe("black box on cloudflare", () => {
  let origin: Origin;
  let worker: Worker;
  let target: Target;

  beforeAll(async () => {
    origin = await startOrigin();
    const config = JSON.stringify(configFile(scenarioConfig(origin.url)));
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

  blackBox("cloudflare", () => target);

  test("health answers 200, metrics need the operator's token, unknown paths answer 404", async () => {
    for (const path of ["/_ts/health", "/_ts/ready"]) {
      expect(await target.visit({}, { path })).toMatchObject({ status: 200, body: '{"status":"ok"}' });
    }
    expect((await target.visit({}, { path: "/_ts/metrics" })).status).toBe(401);
    const metrics = await admin(target, "GET", "/_ts/metrics");
    expect(metrics.status).toBe(200);
    expect(metrics.body).toMatch(/^millrace_ec_minted_total [1-9]\d*$/m);
    expect((await target.visit({}, { path: "/_ts/nothing" })).status).toBe(404);
  });
});

describe("the bundle", () => {
  let made: Bundle;
  beforeAll(async () => {
    made = await bundle({ entry: "worker/entries/cloudflare.ts", platform: "cloudflare" });
  });

  test("is smaller than 150 KB compressed, with the kernels", () => {
    const kernels = gzipSync(readFileSync(join(root, "wasm/built/simd.wasm"))).byteLength;
    expect(made.gzipBytes + kernels).toBeLessThan(150_000);
  });

  test("contains no file of other hosts, the command line or the tests", () => {
    expect(made.inputs).toContain("worker/entries/cloudflare.ts");
    expect(foreignInputs(made.inputs, "cloudflare", ["event-host"], ["durable-object", "expiry"])).toEqual(
      [],
    );
  });
});

describe("the client as Cloudflare describes it", () => {
  let worker: Worker;

  beforeAll(async () => {
    worker = await startWorker({
      entry: `
        import { ecOf, edgeCookie, Millrace } from "./worker/entries/cloudflare.ts";
        import { env } from "cloudflare:workers";
        export { Millrace };
        const ec = edgeCookie({ publisher: { domain: "publisher.example" }, passphrases: [env.PASSPHRASE] });
        export default { fetch: ec((request) => Response.json(ecOf(request).client)) };`,
      bindings: { PASSPHRASE },
    });
  });

  afterAll(() => worker?.stop());

  const ask = async (address: string, cf: Record<string, string>) => {
    const answer = await worker.ask("/", address, cf);
    return { ...JSON.parse(answer.body), id: answer.id?.slice(0, 64) ?? null };
  };

  test("its address is the input of the id, its country and region select the consent rules", async () => {
    const [v4, v6] = [expectedHash("203.0.113.7"), expectedHash("20010db800770001")];
    expect(await ask("203.0.113.7", { country: "JP" })).toMatchObject({
      ip: "203.0.113.7",
      country: "JP",
      id: v4,
    });
    expect(await ask("2001:db8:77:1::9", { country: "US", regionCode: "NY" })).toMatchObject({
      region: "NY",
      id: v6,
    });
    expect(await ask("203.0.113.7", { country: "US", regionCode: "CA" })).toMatchObject({
      region: "CA",
      id: null,
    });
    expect(await ask("203.0.113.7", { country: "FR" })).toMatchObject({ country: "FR", id: null });
  });

  test.each(["XX", "T1"])("%s is an unknown country, in which no id is minted", async (country) => {
    const nowhere = { ip: "203.0.113.7", country: null, region: null, id: null };
    expect(await ask("203.0.113.7", { country, regionCode: "NY" })).toEqual(nowhere);
  });

  test("without Cloudflare's fields, address and country are unknown", async () => {
    expect(JSON.parse(await worker.read("/"))).toEqual({ ip: null, country: null, region: null });
  });
});

test("a compressed page is passed on unchanged", async () => {
  const page = gzipSync("hello ".repeat(1000));
  const origin = createServer((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-type": "text/plain" }).end(page);
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const { port } = origin.address() as AddressInfo;
  const worker = await startWorker({
    entry: `
      import { Millrace, serve } from "./worker/entries/cloudflare.ts";
      export { Millrace };
      export default serve(${JSON.stringify(configFile(scenarioConfig(`http://127.0.0.1:${port}`)))});`,
  });
  try {
    const answer = await new Promise<IncomingMessage>((resolve) => {
      const headers = { "accept-encoding": "gzip", "x-test-ip": "203.0.113.7", "x-test-country": "JP" };
      get(worker.url, { headers, agent: false }, resolve);
    });
    const bytes = Buffer.concat(await answer.toArray());
    expect([answer.headers["content-encoding"], bytes.equals(page)]).toEqual(["gzip", true]);
    expect(answer.headers["set-cookie"]).toHaveLength(1);
  } finally {
    await worker.stop();
    origin.closeAllConnections();
    origin.close();
  }
});

test("a Worker without the binding, or with an invalid configuration, reports the fault", async () => {
  const answer = async (config: object) => {
    const worker = await startWorker({
      entry: `
        import { Millrace, serve } from "./worker/entries/cloudflare.ts";
        export { Millrace };
        let served, fault;
        try { served = serve(${JSON.stringify(configFile(config))}, { site: () => new Response("page") }); } catch (error) { fault = error; }
        export default {
          async fetch(request, env, ctx) {
            try { if (fault) throw fault; return await served.fetch(request, env, ctx); } catch (error) { return new Response(error.message); }
          },
        };`,
    });
    try {
      return await worker.read("/");
    } finally {
      await worker.stop();
    }
  };
  const sound = {
    publisher: { domain: "publisher.example" },
    passphrases: ["a long secret of ours"],
  };
  expect(await answer({ ...sound, store: "durable-object:OTHER" })).toMatch(
    /no Durable Objects bound as OTHER: bind the class Millrace/,
  );
  expect(await answer({ ...sound, store: "sqlite:./x.db" })).toMatch(/^ {2}store: .*durable-object:BINDING/m);
  const refused = await answer({ ...sound, limiter: "redis://secret@host" });
  expect(refused).toMatch(/^ {2}limiter: .*durable-object:BINDING/m);
  expect(refused).not.toContain("secret");
  expect(await answer({ ...sound, passphrases: [{ env: "MISSING" }] })).toMatch(
    /environment variable MISSING to be set/,
  );
});
