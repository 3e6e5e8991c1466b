import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { memoryStore } from "../../../runtime/stores/memory.ts";
import { serve } from "../../../worker/entries/node.ts";
import { serveStore } from "../../../worker/serve/store-server.ts";
import { bundle } from "../../support/bundle.ts";
import { root } from "../../support/spawn.ts";
import { buildWasi, startJco } from "../../support/wasi.ts";
import { BARE, CONFIG, type OpenRig, timeRequest } from "./rig.ts";

const TOKEN = "token-of-the-bench";
const MILLRACE = `import { serve } from "${root}worker/entries/wasi.ts";
  serve(${JSON.stringify(CONFIG)}, { site: () => new Response("page") });`;
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** WASI HTTP under `jco serve`: each request is a cold start; another server has the store. */
export const wasiRig: OpenRig = async (folder) => {
  const built = async (name: string, entry: string) => {
    mkdirSync(join(folder, name));
    return buildWasi(entry, join(folder, name));
  };
  const store = await serve(
    [
      {
        handler: serveStore({
          store: memoryStore({ clock: { now: Date.now } }),
          isToken: (token) => token === TOKEN,
          log: { error() {} },
        }),
      },
    ],
    { host: "127.0.0.1", port: 0 },
    log,
  );
  const component = await built("millrace", MILLRACE);
  const env = { MILLRACE_EDGE_COOKIE_STORE: store.url.replace("://", `://:${TOKEN}@`) };
  const servers = [
    await startJco(component, "instance", env),
    await startJco(await built("hono", BARE), "instance", {}),
  ] as const;
  return {
    size: await bundle({
      entry: "virtual:entry",
      platform: "wasi",
      virtual: { "virtual:entry": MILLRACE },
    }),
    deployedBytes: statSync(component).size,
    first: { millrace: () => timeRequest(servers[0].url), hono: () => timeRequest(servers[1].url) },
    async close() {
      for (const server of servers) await server.stop();
      await store.close(1000);
    },
  };
};
