/**
 * Rigs that measure cold starts.
 * @module
 */
import { configFile } from "../../support/config-file.ts";

/** A host on which cold starts can be repeated. */
export interface Rig {
  /** The script as it is deployed or loaded, minified. */
  size: { bytes: number; gzipBytes: number };
  /** Size of the deployed file if it contains more than the script, for example a JavaScript engine. */
  deployedBytes: number | null;
  /** Milliseconds to the first response of a new service, or of a bare Hono app. */
  first: Record<"millrace" | "hono", () => Promise<number>>;
  close(): Promise<void>;
}

/** Opens a rig; the folder is for intermediate files. @returns the reason if the host is missing. */
export type OpenRig = (folder: string) => Promise<Rig | string>;

/** A returning visitor. */
export const HEADERS = { "x-ip": "198.18.0.7", "x-country": "JP", cookie: `ts-ec=${"0".repeat(64)}.Abc123` };

/** The configuration for hosts without a process. */
export const CONFIG = configFile({
  publisher: { domain: "publisher.example" },
  client: { ipHeader: "x-ip", countryHeader: "x-country" },
  passphrases: ["publisher-chosen-secret"],
});

/** A bare Hono app as a service or service worker. */
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
