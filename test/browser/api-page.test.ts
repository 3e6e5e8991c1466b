/**
 * The page of the API in a real browser, as a file. Saves screenshots in `test/results/`.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { axeViolations } from "../support/axe.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { root } from "../support/spawn.ts";

const RESULTS = join(root, "test/results");
const url = pathToFileURL(join(root, "docs/edge-cookie/api.html")).href;

describe.skipIf(noChromium !== undefined)(noChromium ?? "the page of the API", () => {
  let browser: Browser;
  beforeAll(async () => {
    mkdirSync(RESULTS, { recursive: true });
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  test.each([
    ["light", 1280],
    ["dark", 390],
  ] as const)(
    "in %s at %d px: axe finds nothing, nothing is wider than the window, no request",
    async (colorScheme, width) => {
      const context = await browser.newContext({
        bypassCSP: true,
        colorScheme,
        viewport: { width, height: 900 },
      });
      try {
        const page = await context.newPage();
        const requested: string[] = [];
        page.on("request", (request) => requested.push(request.url()));
        await page.goto(url);
        await page.screenshot({ path: join(RESULTS, `api-page-${colorScheme}-${width}.png`) });
        expect(await axeViolations(page)).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
        expect(requested).toEqual([url]);
      } finally {
        await context.close();
      }
    },
  );
});
