import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Site } from "./site.ts";

/** What a visitor does, in this order. */
export const STEPS = ["first visit", "accept", "return", "withdraw", "re-consent"] as const;

export type Step = (typeof STEPS)[number];

/** One step as a browser saw it. */
export interface Seen {
  step: Step;
  /** From the start of the navigation to the end of its load event, in milliseconds. */
  ms: number;
  /** What was wrong, if anything was. */
  fault: string | null;
}

const ID = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const STEP_TIMEOUT_MS = 20_000;

async function idOf(context: BrowserContext, site: Site): Promise<string | null> {
  const cookies = await context.cookies(site.url);
  return cookies.find(({ name }) => name === "ts-ec")?.value ?? null;
}

/** How long the page's last navigation took. */
const lastLoad = (page: Page) =>
  page.evaluate(() => {
    const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    return navigation!.loadEventEnd - navigation!.startTime;
  });

/** Presses a button that loads the page anew, and waits until that has happened. */
async function press(page: Page, id: string): Promise<void> {
  await Promise.all([page.waitForEvent("load"), page.click(`#${id}`)]);
}

/**
 * One person from Germany with a browser of their own, from their first visit to their second yes. Each step is checked
 * as well as timed.
 * @param number tells visitors' addresses apart.
 */
export async function visitSite(browser: Browser, site: Site, number: number): Promise<Seen[]> {
  const address = `198.18.${(number >> 8) & 255}.${number & 255}`;
  const context = await browser.newContext({
    extraHTTPHeaders: { "x-ip": address, "x-country": "DE" },
  });
  const seen: Seen[] = [];
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(STEP_TIMEOUT_MS);
    let before: string | null = null;
    let withdrawn: string | null = null;
    const steps: Record<Step, { go(): Promise<unknown>; faultOf(id: string | null): string | null }> = {
      "first visit": {
        go: () => page.goto(site.url),
        faultOf: (id) => (id === null ? null : "an id before any consent"),
      },
      accept: {
        go: () => press(page, "accept"),
        faultOf: (id) => (id !== null && ID.test(id) ? null : "no id after consent"),
      },
      return: {
        go: () => page.goto(`${site.url}/article`),
        faultOf: (id) => (id === before ? null : "another id on the return"),
      },
      withdraw: {
        go() {
          withdrawn = before;
          return press(page, "withdraw");
        },
        faultOf: (id) => (id === null ? null : "an id after the withdrawal"),
      },
      "re-consent": {
        go: () => press(page, "accept"),
        faultOf: (id) => (id !== null && id !== withdrawn ? null : "no new id after the second consent"),
      },
    };
    for (const step of STEPS) {
      try {
        await steps[step].go();
        // The load event has to end before its end can be read.
        await page.waitForFunction(() => {
          const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
          return navigation!.loadEventEnd > 0;
        });
        const [ms, id] = [await lastLoad(page), await idOf(context, site)];
        seen.push({ step, ms, fault: steps[step].faultOf(id) });
        before = id;
      } catch (error) {
        seen.push({
          step,
          ms: STEP_TIMEOUT_MS,
          fault: error instanceof Error ? error.message : String(error),
        });
        break; // what comes after builds on this step
      }
    }
    return seen;
  } finally {
    await context.close();
  }
}
