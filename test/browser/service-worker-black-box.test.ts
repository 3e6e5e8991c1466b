/**
 * The black-box suite in a browser: the service is the site's service worker, and what visits is a page's script. What a
 * server reads in headers, a device gets from the site or has in its cookie jar.
 * @module
 */
import type { Browser, Cookie } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";
import { blackBox } from "../runtimes/black-box.ts";
import { DOMAIN as SCENARIO_DOMAIN, type Target, type Visitor } from "../runtimes/target.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { type Device, type DeviceSite, DOMAIN, openDevice, startDeviceSite } from "../support/device.ts";
import { mustBeDescribed } from "../support/openapi.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import type { Answer, Visit } from "../support/visit.ts";

/** Headers that a setting of the browser replaces. */
const GPC = "sec-gpc";
/** Tolerance for the expiry of a cookie: a visit takes time. */
const TOLERANCE_SECONDS = 30;

describe.skipIf(noChromium !== undefined)(noChromium ?? "black box on browser", () => {
  let browser: Browser;
  let origin: Origin;
  let site: DeviceSite;
  let device: Device;
  let target: Target;

  beforeAll(async () => {
    [browser, origin] = await Promise.all([launchChromium(), startOrigin()]);
    site = await startDeviceSite(origin, (url) => ({
      publisher: { domain: DOMAIN },
      clientUrl: "/client.json",
      auction: { endpoint: `${url}/openrtb2/auction` },
    }));
    device = await openDevice(browser, site);
    // Each scenario makes its visits itself: the service worker must not visit when cookies change.
    await device.page.evaluate(async () => {
      const { cookies } = (await navigator.serviceWorker.ready) as unknown as {
        cookies: { getSubscriptions(): Promise<object[]>; unsubscribe(list: object[]): Promise<void> };
      };
      await cookies.unsubscribe(await cookies.getSubscriptions());
    });
    target = {
      name: "browser",
      isOneAtATime: false,
      url: site.url,
      origin,
      visit,
      entry: device.entry,
      log: () => device.log.join("\n"),
    };
  });

  afterAll(async () => {
    await browser?.close();
    await Promise.all([site?.close(), origin?.close()]);
  });

  const jar = async () =>
    (await device.context.cookies(site.url)).find(({ name }) => name === "ts-ec") ?? null;

  async function visit(visitor: Visitor, request: Visit = {}): Promise<Answer> {
    site.client = {
      ip: visitor.ip ?? null,
      country: visitor.country ?? null,
      region: visitor.region ?? null,
    };
    await device.context.clearCookies();
    const cookies = (visitor.cookies ?? []).map(([name, value]) => cookieOf(name, value));
    if (cookies.length > 0) await device.context.addCookies(cookies);
    const headers = Object.fromEntries(request.headers ?? []);
    await setGpc(headers[GPC] === "1");
    delete headers[GPC];
    const before = await jar();
    const { method = "GET", path = "/page", body } = request;
    const answer = await device.fetch(path, {
      method,
      headers,
      redirect: "manual",
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : [...body] }),
    });
    const after = await jar();
    const seen = { ...answer, setCookies: setCookiesFor(before, after) };
    mustBeDescribed({ method, path }, seen);
    return seen;
  }

  const setGpc = (gpc: boolean) =>
    device.page.evaluate(
      (on) =>
        new Promise((resolve) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = resolve;
          navigator.serviceWorker.controller!.postMessage({ gpc: on }, [port2]);
        }),
      gpc,
    );

  blackBox("browser", () => target);
});

/** The service's cookie belongs to the domain, others to the host. */
function cookieOf(name: string, value: string) {
  if (name !== "ts-ec") return { name, value, url: `http://www.${DOMAIN}` };
  return { name, value, domain: `.${DOMAIN}`, path: "/", secure: true, sameSite: "Lax" as const };
}

/** The `Set-Cookie` of a server that has the same effect as the change of the cookie. */
function setCookiesFor(before: Cookie | null, after: Cookie | null): string[] {
  const domain = `.${SCENARIO_DOMAIN}`;
  if (after === null) {
    return before === null ? [] : [`ts-ec=; Domain=${domain}; Path=/; Secure; SameSite=Lax; Max-Age=0`];
  }
  if (before?.value === after.value && before.expires === after.expires) return [];
  const seconds = after.expires - Date.now() / 1000;
  const maxAge = Math.abs(seconds - 31_536_000) < TOLERANCE_SECONDS ? 31_536_000 : Math.round(seconds);
  const attributes = [
    `Domain=${after.domain === `.${DOMAIN}` ? domain : after.domain}`,
    `Path=${after.path}`,
    ...(after.secure ? ["Secure"] : []),
    ...(after.httpOnly ? ["HttpOnly"] : []),
    `SameSite=${after.sameSite}`,
    `Max-Age=${maxAge}`,
  ];
  return [[`ts-ec=${after.value}`, ...attributes].join("; ")];
}
