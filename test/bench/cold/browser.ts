import { bundle } from "../../support/bundle.ts";
import { launchChromium, noChromium } from "../../support/chromium.ts";
import { type DeviceSite, DOMAIN, startDeviceSite } from "../../support/device.ts";
import { startOrigin } from "../../support/origin.ts";
import type { OpenRig } from "./rig.ts";

const BARE = `import { Hono } from "hono";
  const app = new Hono().all("*", (c) => c.text("page"));
  addEventListener("install", () => skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("fetch", (event) => event.respondWith(app.fetch(event.request)));`;

/** Registers the page's service worker. @returns the milliseconds until its first answer. */
async function firstAnswer(): Promise<number> {
  const start = performance.now();
  const controlled = new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
  });
  await navigator.serviceWorker.register("/sw.js", { type: "module" });
  if (navigator.serviceWorker.controller === null) await controlled;
  await (await fetch("/page")).text();
  return performance.now() - start;
}

/** A browser's service worker: from its registration to its first answer, on a new device. */
export const browserRig: OpenRig = async () => {
  if (noChromium !== undefined) return noChromium;
  const browser = await launchChromium();
  const origin = await startOrigin();
  const options = (url: string) => ({ publisher: { domain: DOMAIN }, clientUrl: `${url}/client.json` });
  const [millrace, hono] = [await startDeviceSite(origin, options), await startDeviceSite(origin, options)];
  const bundled = (code: string) =>
    bundle({ entry: "virtual:entry", platform: "browser", virtual: { "virtual:entry": code } });
  // Both answer without the network.
  const ours = await bundled(`import { serve } from "./worker/entries/browser.ts";
    serve(${JSON.stringify(options(millrace.url))}, { site: async () => new Response("page") });`);
  millrace.script(ours.code);
  hono.script((await bundled(BARE)).code);
  millrace.client = { ip: "203.0.113.1", country: "JP", region: null };
  const first = (site: DeviceSite) => async () => {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      await page.goto(`${site.url}/elsewhere`);
      return await page.evaluate(firstAnswer);
    } finally {
      await context.close();
    }
  };
  return {
    size: ours,
    deployedBytes: null,
    first: { millrace: first(millrace), hono: first(hono) },
    async close() {
      await browser.close();
      for (const server of [millrace, hono, origin]) await server.close();
    },
  };
};
