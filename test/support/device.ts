/**
 * A site without an edge, and a visitor's browser in which millrace runs as the site's service worker.
 * @module
 */
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { GraphEntry } from "../../runtime/ec/graph/entry.ts";
import { type Bundle, bundle } from "./bundle.ts";
import type { Origin } from "./origin.ts";

/** Browsers resolve names below localhost to this machine and give them a secure context. */
export const HOST = "www.publisher.localhost";
export const DOMAIN = "publisher.localhost";

/** How the site's servers describe the client. */
export interface WhoAsks {
  ip?: string | null;
  country?: string | null;
  region?: string | null;
}

/** The site. */
export interface DeviceSite {
  url: string;
  bundle: Bundle;
  /** The answer of `/client.json`; `null` makes it fail. */
  client: WhoAsks | null;
  /** How long that answer may be cached. */
  clientCaching: string;
  /** Requested paths, in order. */
  asked: string[];
  /** Replaces the service worker's script. */
  script(text: string): void;
  close(): Promise<void>;
}

/** The service worker's script: a message simulates the browser's setting for Global Privacy Control. */
const script = (options: object) => `
  import { serve } from "./worker/entries/browser.ts";
  let gpc = false;
  Object.defineProperty(navigator, "globalPrivacyControl", { get: () => gpc });
  addEventListener("message", ({ data, ports }) => { gpc = data.gpc; ports[0].postMessage("done"); });
  serve(${JSON.stringify(options)});`;

/** Adds the registration of the service worker to the origin's page. */
const HOME = `<!doctype html><title>home</title><script>
  navigator.serviceWorker.register("/sw.js", { type: "module" });
</script>`;

/** Starts a site whose other paths an origin answers. @param options what \`serve\` gets, made from the site's URL */
export async function startDeviceSite(origin: Origin, options: (url: string) => object): Promise<DeviceSite> {
  let code = "";
  const server = createServer((incoming, outgoing) => {
    const url = incoming.url ?? "/";
    site.asked.push(url);
    if (url === "/sw.js") {
      outgoing.writeHead(200, { "content-type": "text/javascript", "cache-control": "no-store" });
      outgoing.end(code);
    } else if (url === "/client.json") {
      outgoing.writeHead(site.client === null ? 503 : 200, {
        "content-type": "application/json",
        "cache-control": site.clientCaching,
      });
      outgoing.end(JSON.stringify(site.client));
    } else if (url === "/") {
      outgoing.writeHead(200, { "content-type": "text/html" });
      outgoing.end(HOME);
    } else if (url === "/moved") {
      outgoing.writeHead(302, { location: "/landed" });
      outgoing.end();
    } else {
      const { host: _, ...headers } = incoming.headers;
      const onward = httpRequest(
        origin.url + url,
        { method: incoming.method ?? "GET", headers },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        },
      );
      onward.on("error", () => outgoing.destroy());
      incoming.pipe(onward);
    }
  });
  await listening(server);
  const url = `http://${HOST}:${(server.address() as AddressInfo).port}`;
  const bundled = await bundle({
    entry: "virtual:entry",
    platform: "browser",
    virtual: { "virtual:entry": script(options(url)) },
  });
  code = bundled.code;
  const site: DeviceSite = {
    url,
    bundle: bundled,
    client: { ip: "203.0.113.1", country: null, region: null },
    clientCaching: "no-store",
    asked: [],
    script(text) {
      code = text;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return site;
}

export function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
}

/** A visitor's device. */
export interface Device {
  context: BrowserContext;
  page: Page;
  /** The console output of the service worker. */
  log: string[];
  /** A request of the page's script, and the visible part of the answer. Bytes are a list of numbers. */
  fetch(
    path: string,
    init?: Omit<RequestInit, "body"> & { body?: BodyInit | number[] },
  ): Promise<{ status: number; headers: Record<string, string>; body: string }>;
  /** The cookie in the browser. */
  cookie(): Promise<string | null>;
  /** The entry of an id in the device's graph. */
  entry(id: string): Promise<GraphEntry | null>;
  close(): Promise<void>;
}

/** Opens a site on a new device, and waits until the service worker controls the page. */
export async function openDevice(browser: Browser, site: DeviceSite): Promise<Device> {
  const context = await browser.newContext();
  const log: string[] = [];
  context.on("serviceworker", (worker) => worker.on("console", (message) => log.push(message.text())));
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(site.url);
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === "activated");
  return {
    context,
    page,
    log,
    fetch: (path, init) =>
      page.evaluate(
        async ([to, how]) => {
          const { body } = (how ?? {}) as { body?: unknown };
          const bytes = Array.isArray(body) ? { body: new Uint8Array(body) } : {};
          const response = await fetch(to as string, { ...(how as RequestInit), ...bytes });
          const headers = Object.fromEntries(response.headers);
          return { status: response.status, headers, body: await response.text() };
        },
        [path, init] as const,
      ),
    async cookie() {
      const cookies = await context.cookies(site.url);
      return cookies.find(({ name }) => name === "ts-ec")?.value ?? null;
    },
    async entry(id) {
      const text = await page.evaluate(storedValue, `ec:${id}`);
      return text === null ? null : JSON.parse(text);
    },
    close: () => context.close(),
  };
}

/** Reads a value of the store from a page. */
export function storedValue(key: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("millrace");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const reading = opening.result.transaction("entries").objectStore("entries").get(key);
      reading.onerror = () => reject(reading.error);
      reading.onsuccess = () => {
        opening.result.close();
        resolve(reading.result?.value ?? null);
      };
    };
  });
}

/** Reads the keys of the store that begin with `prefix` from a page. */
export function storedKeys(prefix: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("millrace");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const reading = opening.result.transaction("entries").objectStore("entries").getAllKeys();
      reading.onerror = () => reject(reading.error);
      reading.onsuccess = () => {
        opening.result.close();
        resolve((reading.result as string[]).filter((key) => key.startsWith(prefix)));
      };
    };
  });
}
