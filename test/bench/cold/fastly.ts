import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { findViceroy } from "../../../scripts/cargo-tools.ts";
import { buildFastly, startViceroy } from "../../support/fastly.ts";
import { BARE, CONFIG, type OpenRig, timeRequest } from "./rig.ts";

const MILLRACE = `import { serve } from "./worker/entries/fastly.ts";
  serve(${JSON.stringify(CONFIG)}, { site: () => new Response("page") });`;

/** Fastly Compute on Viceroy: each request is a cold start. */
export const fastlyRig: OpenRig = async (folder) => {
  if (findViceroy() === null) return "Viceroy is not on this machine; npm test installs it where cargo is";
  const built = async (name: string, entry: string) => {
    mkdirSync(join(folder, name));
    return buildFastly({ entry, folder: join(folder, name) });
  };
  const millrace = await built("millrace", MILLRACE);
  const hono = await built("hono", BARE);
  const kv = `[[local_server.kv_stores.millrace]]\nkey = "made"\ndata = ""\n`;
  const servers = [
    await startViceroy(millrace.wasm, join(folder, "millrace"), kv),
    await startViceroy(hono.wasm, join(folder, "hono"), kv),
  ] as const;
  return {
    size: millrace.bundle,
    deployedBytes: statSync(millrace.wasm).size,
    first: { millrace: () => timeRequest(servers[0].url), hono: () => timeRequest(servers[1].url) },
    async close() {
      for (const server of servers) await server.stop();
    },
  };
};
