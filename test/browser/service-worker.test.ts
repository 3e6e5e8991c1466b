/**
 * millrace as a site's service worker, in a real browser.
 * @module
 */
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../runtimes/target.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { tcfString } from "../support/consent-strings.ts";
import {
  type Device,
  type DeviceSite,
  DOMAIN,
  listening,
  openDevice,
  startDeviceSite,
  storedKeys,
  storedValue,
} from "../support/device.ts";
import { foreignInputs } from "../support/foreign-inputs.ts";
import { type Origin, startOrigin } from "../support/origin.ts";

const ID = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const JAPAN = { ip: "203.0.113.7", country: "JP" };
const FRANCE = { ip: "203.0.113.7", country: "FR" };

/** A partner with open CORS. */
async function startPublicPartner() {
  const pulls: { url: URL; headers: IncomingHttpHeaders }[] = [];
  const partner = { status: 200 };
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://partner");
    pulls.push({ url, headers: request.headers });
    response.writeHead(partner.status, {
      "content-type": "application/json",
      "access-control-allow-origin": "*",
    });
    response.end(JSON.stringify({ uid: `uid-${url.searchParams.get("ec_id")?.slice(-6)}` }));
  });
  await listening(server);
  return Object.assign(partner, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/pull`,
    pulls,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

describe.skipIf(noChromium !== undefined)(noChromium ?? "the service worker", () => {
  let browser: Browser;
  let origin: Origin;
  let partner: Awaited<ReturnType<typeof startPublicPartner>>;
  let site: DeviceSite;
  let device: Device;

  beforeAll(async () => {
    [browser, origin, partner] = await Promise.all([launchChromium(), startOrigin(), startPublicPartner()]);
    site = await startDeviceSite(origin, () => ({
      publisher: { domain: DOMAIN },
      clientUrl: "/client.json",
      allowInsecurePartners: true,
      partners: [
        {
          id: "pulled",
          pullSyncEnabled: true,
          pullSyncUrl: partner.url,
          pullSyncAllowedDomains: ["127.0.0.1"],
          bidstreamEnabled: true,
          sourceDomain: "pulled.example",
        },
        {
          id: "pixel",
          allowedReturnDomains: ["partner.example"],
          bidstreamEnabled: true,
          sourceDomain: "pixel.example",
        },
      ],
    }));
  });

  beforeEach(() => {
    site.client = JAPAN;
    site.clientCaching = "no-store";
    site.asked.length = 0;
    partner.pulls.length = 0;
    partner.status = 200;
  });

  afterEach(() => device?.close());

  afterAll(async () => {
    await browser?.close();
    await Promise.all([site?.close(), partner?.close(), origin?.close()]);
  });

  const open = async () => {
    device = await openDevice(browser, site);
    return device;
  };
  const minted = (it: Device) => eventually("an id", async () => (await it.cookie()) ?? undefined);

  test("serves the first page, mints an id, and sets the cookie like other runtimes", async () => {
    const it = await open();
    const id = await minted(it);
    expect(id).toMatch(ID);
    const [cookie] = (await it.context.cookies(site.url)).filter(({ name }) => name === "ts-ec");
    expect(cookie).toMatchObject({
      domain: `.${DOMAIN}`,
      path: "/",
      secure: true,
      httpOnly: false,
      sameSite: "Lax",
    });
    expect(Math.abs(cookie!.expires - Date.now() / 1000 - 31_536_000)).toBeLessThan(60);
    const secret = await it.page.evaluate(storedValue, "device:secret");
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(id.slice(0, 64)).toBe(createHmac("sha256", secret!).update("203.0.113.7").digest("hex"));
    expect(await it.entry(id)).toMatchObject({ consent: { ok: true }, geo: { country: "JP" } });
    const kept = await it.page.evaluate(storedValue, "device:place");
    expect(kept).toBe('{"country":"JP","region":null}');
    const answer = await it.fetch("/identify");
    expect(JSON.parse(answer.body)).toMatchObject({ ec: id, consent: "ok", degraded: false });
    expect(await it.page.evaluate(() => document.cookie)).toContain(`ts-ec=${id}`);
  });

  test("each device has its own secret", async () => {
    const first = (await minted(await open())).slice(0, 64);
    await device.close();
    const second = (await minted(await open())).slice(0, 64);
    expect(first).not.toBe(second);
  });

  test("concurrent requests mint one id", async () => {
    site.client = { ip: "203.0.113.7", country: null };
    const it = await open();
    site.client = JAPAN;
    const ids = await it.page.evaluate(async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => fetch(`/page-${n}`)));
      return answers.map((answer) => answer.headers.get("x-ts-ec"));
    });
    // It waits for the turns of all pages, also of those that were shown without their identity.
    expect(JSON.parse((await it.fetch("/identify")).body)).toMatchObject({ consent: "ok" });
    const id = await it.cookie();
    expect(id).toMatch(ID);
    expect(ids.filter((each) => each !== null && each !== id)).toEqual([]);
    const entries = await eventually("the entry", async () => {
      const keys = await it.page.evaluate(storedKeys, "ec:");
      return keys.length > 0 ? keys : undefined;
    });
    expect(entries).toEqual([`ec:${id}`]);
  });

  test("consent mints an id and withdrawal removes it, without a request", async () => {
    site.client = FRANCE;
    const it = await open();
    expect((await it.fetch("/identify")).status).toBe(403);
    expect(await it.cookie()).toBeNull();
    const consent = (purposes: number[]) =>
      it.page.evaluate((value) => {
        // biome-ignore lint/suspicious/noDocumentCookie: as a consent banner does it
        document.cookie = `euconsent-v2=${value}; Path=/; Max-Age=3600`;
      }, tcfString({ purposes }));
    await consent([1]);
    const id = await minted(it);
    expect((await it.fetch("/identify")).status).toBe(200);
    expect((await it.page.evaluate(() => caches.keys())).length).toBe(1);
    await consent([2]);
    await eventually("the withdrawal", async () => ((await it.cookie()) === null ? true : undefined));
    await eventually("the tombstone", async () =>
      (await it.entry(id))?.consent.ok === false ? true : undefined,
    );
    expect(await it.page.evaluate(() => caches.keys())).toEqual([]);
    expect(await it.fetch("/identify")).toMatchObject({ status: 403, body: '{"consent":"denied"}' });
    await consent([1]);
    expect(await minted(it)).not.toBe(id);
  });

  test("answers /identify from the device while it is fresh, and refreshes it in the background", async () => {
    const it = await open();
    const id = await minted(it);
    await eventually("the pulled id", async () => (await it.entry(id))?.ids.pulled);
    const uids = async () => JSON.parse((await it.fetch("/identify")).body).uids;
    const own = { pulled: `uid-${id.slice(-6)}` };
    expect(await uids()).toEqual(own);
    const back = "https://partner.example/back";
    // A pixel writes to the graph; where it leads to cannot be reached from here.
    await it.page.evaluate(
      (url) => fetch(url, { redirect: "manual" }),
      `/sync?${new URLSearchParams({ partner: "pixel", uid: "of-the-pixel", return: back })}`,
    );
    expect((await it.entry(id))?.ids.pixel?.uid).toBe("of-the-pixel");
    expect(await uids()).toEqual(own);
    await eventually("the renewed answer", async () =>
      (await uids()).pixel === "of-the-pixel" ? true : undefined,
    );
    const headers = Object.keys((await it.fetch("/identify")).headers);
    expect(headers.filter((name) => name.startsWith("millrace"))).toEqual([]);
  });

  test("requests partners without a token and without cookies", async () => {
    const it = await open();
    const id = await minted(it);
    const uid = await eventually("the pulled id", async () => (await it.entry(id))?.ids.pulled?.uid);
    expect(uid).toBe(`uid-${id.slice(-6)}`);
    expect(partner.pulls).toHaveLength(1);
    const [{ url, headers }] = partner.pulls as [(typeof partner.pulls)[0]];
    expect(Object.fromEntries(url.searchParams)).toEqual({
      ec_id: id,
      ec_hash: id.slice(0, 64),
      gdpr: "0",
      ip: "203.0.113.7",
    });
    expect(headers.authorization).toBeUndefined();
    expect(headers.cookie).toBeUndefined();
    expect(headers.origin).toBe(site.url);
  });

  test("pulls from partners only when online, without a request", async () => {
    partner.status = 500;
    // Even if the browser still knows the answer.
    site.clientCaching = "max-age=600";
    const it = await open();
    const id = await minted(it);
    await eventually("the first pull", async () => (partner.pulls.length > 0 ? true : undefined));
    partner.status = 200;
    await it.context.setOffline(true);
    // More often than the partner may be asked in an hour.
    for (let n = 0; n < 12; n++) await it.fetch("/page").catch(() => {});
    expect(partner.pulls).toHaveLength(1);
    const asked = site.asked.length;
    await it.context.setOffline(false);
    const uid = await eventually("the pulled id", async () => (await it.entry(id))?.ids.pulled?.uid);
    expect(uid).toBe(`uid-${id.slice(-6)}`);
    expect(partner.pulls).toHaveLength(2);
    // No page asked for anything meanwhile: only the device asked who it is.
    expect(site.asked.slice(asked).filter((path) => path !== "/client.json")).toEqual([]);
  });

  test("mints no id offline until the country is known", async () => {
    site.client = { ip: "203.0.113.7", country: null };
    const it = await open();
    site.client = JAPAN;
    await it.context.setOffline(true);
    await it.fetch("/page").catch(() => {});
    expect((await it.fetch("/identify")).status).toBe(403);
    expect(await it.cookie()).toBeNull();
    await it.context.setOffline(false);
    expect(await minted(it)).toMatch(ID);
  });

  test("uses the last known country offline, and answers /identify", async () => {
    const it = await open();
    const id = await minted(it);
    await it.context.setOffline(true);
    expect(JSON.parse((await it.fetch("/identify")).body)).toMatchObject({ ec: id, consent: "ok" });
    await it.context.setOffline(false);
  });

  test("keeps an id and mints none if the site does not name the client's country", async () => {
    site.client = null;
    const it = await open();
    expect((await it.fetch("/page")).body).toContain("/page");
    expect(await it.cookie()).toBeNull();
    expect((await it.fetch("/identify")).status).toBe(403);
    await eventually("a line in the log", async () =>
      it.log.find((line) => line.includes("the client is unknown")),
    );
  });

  test("restores the graph entry of a kept cookie after the browser has removed the graph", async () => {
    const it = await open();
    const id = await minted(it);
    await it.page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const removal = indexedDB.deleteDatabase("millrace");
          removal.onsuccess = resolve;
          removal.onerror = reject;
        }),
    );
    await it.fetch("/page");
    await eventually("the entry", async () => ((await it.entry(id))?.consent.ok ? true : undefined));
    await it.fetch("/page");
    await eventually("the pulled id", async () => (await it.entry(id))?.ids.pulled);
    expect(await it.cookie()).toBe(id);
  });

  test("deletes the identity on the visitor's request", async () => {
    const it = await open();
    const id = await minted(it);
    expect((await it.fetch("/_ts/api/v1/identity", { method: "DELETE" })).status).toBe(204);
    expect(await it.cookie()).toBeNull();
    // A mark against what was under way, without anything of the visitor's.
    expect(await it.entry(id)).toMatchObject({ deleted: true, consent: { ok: false }, ids: {} });
    expect(await it.page.evaluate(() => caches.keys())).toEqual([]);
  });

  test("passes redirects, streams, errors and forms unchanged, and ignores subresources", async () => {
    const it = await open();
    await minted(it);
    await it.page.goto(`${site.url}/moved`);
    expect(it.page.url()).toBe(`${site.url}/landed`);
    await it.page.goto(site.url);
    await it.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    expect((await it.fetch("/broken")).status).toBe(500);
    const form = await it.fetch("/form", { method: "POST", body: "x=1" });
    expect(form.status).toBe(200);
    expect(origin.seen.findLast(({ url }) => url === "/form")?.method).toBe("POST");
    const parts = await it.page.evaluate(async () => {
      const response = await fetch("/stream");
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      const first = (await reader.read()).value;
      await fetch("/stream-go");
      return [first, (await reader.read()).value];
    });
    expect(parts).toEqual(["first", "second"]);
    const before = site.asked.filter((path) => path === "/client.json").length;
    await it.page.evaluate(
      () =>
        new Promise((resolve) => {
          const image = new Image();
          image.onerror = resolve;
          image.src = "/picture.png";
        }),
    );
    expect(site.asked).toContain("/picture.png");
    expect(site.asked.filter((path) => path === "/client.json").length).toBe(before);
    // The servers' own routes are not the device's.
    await it.fetch("/_ts/admin/partners");
    expect(site.asked).toContain("/_ts/admin/partners");
  });

  test("mints an id on a first visit that is a redirect", async () => {
    site.client = { ip: "203.0.113.7", country: null };
    const it = await open();
    site.client = JAPAN;
    await it.page.goto(`${site.url}/moved`);
    expect(it.page.url()).toBe(`${site.url}/landed`);
    expect(await minted(it)).toMatch(ID);
  });

  test("answers without free storage, and removes its caches", async () => {
    const it = await open();
    await minted(it);
    await it.fetch("/identify");
    expect(await it.page.evaluate(() => caches.keys())).toEqual(["millrace-identify-v1"]);
    const session = await it.context.newCDPSession(it.page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: site.url, quotaSize: 1 });
    // A different answer than the cached one.
    await it.context.addCookies([{ name: "us_privacy", value: "1YNN", url: site.url }]);
    expect((await it.fetch("/identify")).status).toBe(200);
    await eventually("the removal", async () =>
      (await it.page.evaluate(() => caches.keys())).length === 0 ? true : undefined,
    );
    expect((await it.fetch("/page")).status).toBe(200);
  });

  test("opens its database once, while it is installed first; a later start waits for an event that needs it", async () => {
    const recorded = `const seen = [];
      const { open } = IDBFactory.prototype;
      IDBFactory.prototype.open = function (...args) { seen.push("open"); return open.apply(this, args); };
      addEventListener("install", () => seen.push("install"));
      addEventListener("fetch", (event) => {
        if (!event.request.url.endsWith("/seen")) return;
        event.respondWith(Response.json(seen));
        event.stopImmediatePropagation();
      });`;
    site.script(`{ ${recorded} }\n${site.bundle.code}`);
    const it = await open();
    const seen = async () => JSON.parse((await it.fetch("/seen")).body);
    await minted(it);
    await it.fetch("/page");
    expect(await seen()).toEqual(["open", "install"]);

    const session = await it.context.newCDPSession(it.page);
    await session.send("ServiceWorker.enable");
    await session.send("ServiceWorker.stopAllWorkers");
    await eventually("a new start", async () => ((await seen()).length === 0 ? true : undefined));
    await it.fetch("/page");
    expect(await seen()).toEqual(["open"]);
    site.script(site.bundle.code);
  });

  test("passes pages on if the browser stores nothing for the site", async () => {
    const broken = `Object.defineProperty(self, "indexedDB", { value: { open() { throw new Error("refused"); } } });`;
    site.script(`${broken}\n${site.bundle.code}`);
    const it = await open();
    expect((await it.fetch("/page")).body).toBe("<p>/page</p>");
    expect(await it.fetch("/identify")).toMatchObject({
      status: 503,
      headers: { "cache-control": "private, no-store" },
    });
    expect(await it.cookie()).toBeNull();
    site.script(site.bundle.code);
  });

  test("does nothing in a browser whose service workers cannot read cookies", async () => {
    site.script(`Object.defineProperty(self, "cookieStore", { value: undefined });\n${site.bundle.code}`);
    const it = await open();
    expect((await it.fetch("/page")).body).toBe("<p>/page</p>");
    await it.fetch("/identify");
    expect(origin.seen.at(-1)?.url).toBe("/identify");
    expect(site.asked).not.toContain("/client.json");
    site.script(site.bundle.code);
  });

  test("is smaller than 150 KB compressed, with no file of other hosts, the command line or the tests", () => {
    expect(site.bundle.gzipBytes).toBeLessThan(150_000);
    const ours = (path: string) => !/^(test\/node_modules\/workbox-core\/|virtual:)/.test(path);
    const { inputs } = site.bundle;
    expect(inputs.filter(ours).length).toBeLessThan(inputs.length);
    expect(foreignInputs(inputs.filter(ours), "browser", [], ["indexeddb", "store", "expiry"])).toEqual([]);
  });

  test("removes caches of other versions, and not those of other software", async () => {
    const it = await open();
    await it.page.evaluate(() =>
      Promise.all(["millrace-identify-v0", "theirs"].map((name) => caches.open(name))),
    );
    site.script(`${site.bundle.code}\n// a newer version`);
    await it.page.evaluate(async () => (await navigator.serviceWorker.ready).update());
    await eventually("the removal", async () => {
      const names: string[] = await it.page.evaluate(() => caches.keys());
      return names.includes("millrace-identify-v0") ? undefined : names.includes("theirs");
    });
    site.script(site.bundle.code);
  });
});
