/**
 * A Worker on Cloudflare's own runtime, workerd, run by miniflare on loopback.
 * @module
 */
import { readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { Miniflare, type MiniflareOptions } from "miniflare";
import { type Bundle, bundle } from "./bundle.ts";
import { root } from "./spawn.ts";

/** The compatibility date of the runtime. */
const COMPATIBILITY_DATE = "2026-07-01";

/** Settings of a Worker. */
export interface WorkerSettings {
  /** The class of the binding `MILLRACE`. Default: `Millrace`. */
  className?: string;
  /** Variables and secrets. */
  bindings?: Record<string, string>;
  /** Folder of the objects. Default: memory. */
  persist?: string;
  compatibilityDate?: string;
  /** The site behind the Worker. */
  upstream?: string;
}

/** A Worker, as text. */
export interface WorkerSource extends WorkerSettings {
  /** The entry's TypeScript. It exports the class of the objects. */
  entry: string;
}

/** A running Worker. */
export interface Worker {
  url: string;
  /** The body of a page, on a connection of its own. Rejects unless the status is 200. */
  read(path: string): Promise<string>;
  /** A request with the fields that Cloudflare adds: the client's address and place. */
  ask(
    path: string,
    address: string,
    cf: Record<string, string>,
  ): Promise<{ id: string | null; body: string }>;
  /** Its output so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Bundles a Worker and starts it. */
export async function startWorker({
  entry,
  ...settings
}: WorkerSource): Promise<Worker & { bundle: Bundle }> {
  const bundled = await bundle({
    entry: "virtual:entry",
    platform: "cloudflare",
    virtual: { "virtual:entry": entry },
  });
  return { ...(await runWorker(bundled.code, settings)), bundle: bundled };
}

/** Starts a Worker that is one module and imports the kernels. */
export async function runWorker(code: string, settings: WorkerSettings): Promise<Worker> {
  const { className = "Millrace", bindings = {}, persist, upstream } = settings;
  let log = "";
  const options: MiniflareOptions = {
    // The bundle imports the kernels with these paths.
    modulesRoot: "/",
    modules: [
      { type: "ESModule", path: "/worker/entries/index.js", contents: code },
      {
        type: "CompiledWasm",
        path: "/wasm/built/simd.wasm",
        contents: readFileSync(join(root, "wasm/built/simd.wasm")),
      },
    ],
    compatibilityDate: settings.compatibilityDate ?? COMPATIBILITY_DATE,
    ...(upstream === undefined ? {} : { upstream }),
    host: "127.0.0.1",
    port: 0,
    // Miniflare's own front compresses responses, which delays streams.
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    bindings,
    durableObjects: { MILLRACE: { className, useSQLite: true } },
    durableObjectsPersist: persist ?? false,
    // Otherwise miniflare uses the network.
    cf: false,
    handleRuntimeStdio(out: Readable, err: Readable) {
      for (const stream of [out, err]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          log += text;
        });
      }
    },
  };
  const miniflare = new Miniflare(options);
  await miniflare.ready;
  const direct = await miniflare.unsafeGetDirectURL();
  return {
    url: direct.origin,
    async read(path) {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        get(direct.origin + path, { agent: false }, resolve).on("error", reject);
      });
      const body = Buffer.concat(await answer.toArray()).toString();
      if (answer.statusCode === 200) return body;
      throw new Error(`${path}: ${answer.statusCode} ${body}\n${log.slice(-2000)}`);
    },
    async ask(path, address, cf) {
      const url = `https://publisher.example${path}`;
      const answer = await miniflare.dispatchFetch(url, { headers: { "cf-connecting-ip": address }, cf });
      return { id: answer.headers.get("x-ts-ec"), body: await answer.text() };
    },
    log: () => log,
    stop: () => miniflare.dispose(),
  };
}
