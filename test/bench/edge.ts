/**
 * What the service weighs on hosts that take a single file, and how long a request takes there that begins with nothing:
 * on Fastly Compute and WASI HTTP every request does. Beside it, a bare hono app on the same host, asked in turn with it.
 * Prints a table; run by name, it gates nothing.
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { memoryStore } from "../../runtime/stores/memory.ts";
import { serve as serveOnNode } from "../../worker/entries/node.ts";
import { serveStore } from "../../worker/store-server.ts";
import { bundle } from "../support/bundle.ts";
import { buildFastly, startViceroy } from "../support/fastly.ts";
import type { Program } from "../support/program.ts";
import { root } from "../support/spawn.ts";
import { buildWasi, startJco } from "../support/wasi.ts";

const ROUNDS = 60;
const TOKEN = "token-of-the-bench";
/** A visitor who comes back. */
const HEADERS = { "x-ip": "198.18.0.7", "x-country": "JP", cookie: `ts-ec=${"0".repeat(64)}.Abc123` };
const CONFIG = JSON.stringify({
  publisher: { domain: "publisher.example" },
  client: { ipHeader: "x-ip", countryHeader: "x-country" },
  ec: { passphrases: ["publisher-chosen-secret"] },
});
const BARE = `import { Hono } from "hono";
  const app = new Hono().get("/", (c) => c.text("page"));
  addEventListener("fetch", (event) => event.respondWith(app.fetch(event.request)));`;

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Median milliseconds of a request, of both servers in turn. */
async function inTurn(servers: Program[]): Promise<number[]> {
  const times = servers.map((): number[] => []);
  for (let round = 0; round < ROUNDS + 5; round++) {
    for (const [i, { url }] of servers.entries()) {
      const start = performance.now();
      const response = await fetch(url, { headers: HEADERS });
      await response.text();
      if (response.status !== 200) throw new Error(`${url}: ${response.status}\n${servers[i]!.log()}`);
      if (round >= 5) times[i]!.push(performance.now() - start);
      // What an instance does in the background must not be in the next one's time.
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[ROUNDS >> 1]!);
}

const kb = (bytes: number) => `${(bytes / 1024).toFixed(0)} KB`;
const rows: string[][] = [
  ["host", "script", "gzipped", "what is deployed", "gzipped", "a request from nothing", "a bare hono app"],
];

function row(host: string, size: { bytes: number; gzipBytes: number }, file: string, times: number[]): void {
  const gzipped = gzipSync(execFileSync("cat", [file], { maxBuffer: 1e9 })).byteLength;
  const deployed = [kb(statSync(file).size), kb(gzipped)];
  rows.push([
    host,
    kb(size.bytes),
    kb(size.gzipBytes),
    ...deployed,
    ...times.map((ms) => `${ms.toFixed(1)} ms`),
  ]);
}

const folder = (name: string) => mkdtempSync(join(tmpdir(), `millrace-${name}-`));
const [a, b, c, d] = [folder("a"), folder("b"), folder("c"), folder("d")];
const running: { stop(): Promise<unknown> }[] = [];
try {
  const store = await serveOnNode(
    serveStore({
      store: memoryStore({ clock: { now: Date.now } }),
      isToken: (token) => token === TOKEN,
      log,
    }),
    { host: "127.0.0.1", port: 0 },
    log,
  );
  running.push({ stop: () => store.close(1000) });

  const fastly = await buildFastly({
    entry: `import { serve } from "./worker/entries/fastly.ts"; serve(${CONFIG}, { site: () => new Response("page") });`,
    folder: a,
  });
  const bareFastly = await buildFastly({ entry: BARE, folder: b });
  const kv = `[[local_server.kv_stores.millrace]]\nkey = "made"\ndata = ""\n`;
  const onViceroy = [await startViceroy(fastly.wasm, a, kv), await startViceroy(bareFastly.wasm, b, kv)];
  running.push(...onViceroy);
  row("Fastly Compute (Viceroy)", fastly.bundle, fastly.wasm, await inTurn(onViceroy));

  const entry = `import { serve } from "${root}worker/entries/wasi.ts"; serve(${CONFIG}, { site: () => new Response("page") });`;
  const env = { MILLRACE_STORE: store.url.replace("://", `://:${TOKEN}@`) };
  const component = await buildWasi(entry, c);
  const onJco = [
    await startJco(component, "instance", env),
    await startJco(await buildWasi(BARE, d), "instance", {}),
  ];
  running.push(...onJco);
  const size = await bundle({
    entry: "virtual:entry",
    platform: "wasi",
    virtual: { "virtual:entry": entry },
  });
  row("WASI HTTP (jco serve)", size, component, await inTurn(onJco));
} finally {
  for (const one of running) await one.stop();
  for (const one of [a, b, c, d]) rmSync(one, { recursive: true, force: true });
}

rows.splice(
  1,
  0,
  rows[0]!.map(() => "---"),
);
console.log(rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n"));
process.exit(0);
