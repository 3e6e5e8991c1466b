/**
 * What the hosts' cold starts are measured with.
 * @module
 */

/** A host on which a first response can be had again and again. */
export interface Rig {
  /** The script as it is deployed or loaded, minified. */
  size: { bytes: number; gzipBytes: number };
  /** What is deployed where that is more than the script, such as a WebAssembly module with an engine in it. */
  deployedBytes: number | null;
  /** Milliseconds to the first response of a service that has just been started, or of a bare hono app. */
  first: Record<"millrace" | "hono", () => Promise<number>>;
  close(): Promise<void>;
}

/** Opens a rig; the folder is for what is made on the way. @returns why there is none, if the host is not there. */
export type OpenRig = (folder: string) => Promise<Rig | string>;

/** A visitor who comes back. */
export const HEADERS = { "x-ip": "198.18.0.7", "x-country": "JP", cookie: `ts-ec=${"0".repeat(64)}.Abc123` };

/** The configuration where there is no process to read one from. */
export const CONFIG = {
  publisher: { domain: "publisher.example" },
  client: { ipHeader: "x-ip", countryHeader: "x-country" },
  passphrases: ["publisher-chosen-secret"],
};

/** A bare hono app as a service or service worker. */
export const BARE = `import { Hono } from "hono";
  const app = new Hono().get("/", (c) => c.text("page"));
  addEventListener("fetch", (event) => event.respondWith(app.fetch(event.request)));`;

/**
 * Milliseconds of one request.
 * @throws {Error} unless its status is 200.
 */
export async function timeRequest(url: string): Promise<number> {
  const start = performance.now();
  const response = await fetch(url, { headers: { ...HEADERS, connection: "close" } });
  const body = await response.text();
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${body}`);
  return performance.now() - start;
}
