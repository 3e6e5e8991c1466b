/**
 * The contract suites of what a browser has, on Chromium's own IndexedDB.
 * @module
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ContractResult } from "../contract/case.ts";
import { indexedDbSuites } from "../contract/indexeddb-suites.ts";
import { bundle } from "../support/bundle.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";

declare const runCase: (n: number) => Promise<ContractResult>;
declare const store: import("../../runtime/platform.ts").Store;

const cases = indexedDbSuites.flatMap(([suite, list]) => list.map(({ name }) => ({ suite, name })));

describe.skipIf(noChromium !== undefined)(noChromium ?? "contract suites in a browser", () => {
  let server: Server;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;

  const open = async () => {
    const opened = await context.newPage();
    await opened.goto(`http://contract.localhost:${(server.address() as AddressInfo).port}/`);
    await opened.waitForFunction(() => typeof runCase === "function");
    return opened;
  };

  beforeAll(async () => {
    const { code } = await bundle({ entry: "test/contract/indexeddb-page.ts", platform: "browser" });
    server = createServer((request, response) => {
      const isScript = request.url === "/page.js";
      response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
      response.end(isScript ? code : '<!doctype html><script type="module" src="/page.js"></script>');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    browser = await launchChromium();
    context = await browser.newContext();
    page = await open();
  });

  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
  });

  test.each(cases.map((one, number) => ({ ...one, number })))("$suite $name", async ({ name, number }) => {
    expect(await page.evaluate((n) => runCase(n), number)).toEqual({ name, fault: null });
  });

  test("concurrent tabs that update one entry lose no update", async () => {
    const tabs = [page, await open(), await open()];
    await Promise.all(
      tabs.map((tab, t) =>
        tab.evaluate(async (first) => {
          for (let n = first; n < first + 100; n++) {
            for (let ok = false; !ok; ) {
              const entry = await store.get("members");
              const members = entry === null ? [] : JSON.parse(entry.value);
              const ifVersion = entry === null ? null : entry.version;
              ok = (await store.put("members", JSON.stringify([...members, n]), { ifVersion })).ok;
            }
          }
        }, t * 100),
      ),
    );
    const members: number[] = await page.evaluate(async () =>
      JSON.parse((await store.get("members"))!.value),
    );
    expect(members.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, n) => n));
  });

  test("the store continues after the browser has removed the site's data", async () => {
    const left = await page.evaluate(async () => {
      await store.put("key", "value");
      await new Promise((resolve, reject) => {
        const removal = indexedDB.deleteDatabase("shared");
        removal.onsuccess = resolve;
        removal.onerror = reject;
      });
      const gone = await store.get("key");
      await store.put("key", "again");
      return [gone, (await store.get("key"))?.value];
    });
    expect(left).toEqual([null, "again"]);
  });
});
