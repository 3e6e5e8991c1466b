import { statSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "../../support/bundle.ts";
import { root } from "../../support/spawn.ts";
import { runWorker } from "../../support/workerd.ts";
import { CONFIG, type OpenRig, timeRequest } from "./rig.ts";

const entries = {
  millrace: `import { Millrace, serve } from "./worker/entries/cloudflare.ts";
    export { Millrace };
    export default serve(${JSON.stringify(CONFIG)}, { site: () => new Response("page") });`,
  hono: `import { DurableObject } from "cloudflare:workers";
    import { Hono } from "hono";
    export class Millrace extends DurableObject {}
    export default new Hono().get("/", (c) => c.text("page"));`,
};

/** Cloudflare Workers on workerd: an isolate for each start; its first request. */
export const cloudflareRig: OpenRig = async () => {
  const bundled = (entry: string) =>
    bundle({ entry: "virtual:entry", platform: "cloudflare", virtual: { "virtual:entry": entry } });
  const [millrace, hono] = [await bundled(entries.millrace), await bundled(entries.hono)];
  const first = (code: string) => async () => {
    const worker = await runWorker(code, {});
    try {
      return await timeRequest(worker.url);
    } finally {
      await worker.stop();
    }
  };
  return {
    size: millrace,
    deployedBytes: millrace.bytes + statSync(join(root, "wasm/built/simd.wasm")).size,
    first: { millrace: first(millrace.code), hono: first(hono.code) },
    async close() {},
  };
};
