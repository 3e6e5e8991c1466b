import type { Browser, BrowserContext, Page } from "playwright-core";
import { reloaded } from "../../support/reloaded.ts";
import type { Site } from "./site.ts";

/** What a visitor does, in this order. */
export const STEPS = ["first visit", "accept", "return", "withdraw", "re-consent"] as const;

export type Step = (typeof STEPS)[number];

/** One step as a browser saw it. */
export interface Seen {
  step: Step;
  /** From the start of the navigation to the end of its load event, in milliseconds. */
  ms: number;
  /** What was wrong; `null` if nothing. */
  fault: string | null;
}

const ID = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const STEP_TIMEOUT_MS = 20_000;

async function idOf(context: BrowserContext, site: Site): Promise<string | null> {
  const cookies = await context.cookies(site.url);
  return cookies.find(({ name }) => name === "ts-ec")?.value ?? null;
}

/** Duration and status of the last navigation of a page. */
const lastLoad = (page: Page) =>
  page.evaluate(() => {
    const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    const { loadEventEnd, startTime, responseStatus } = navigation!;
    return { ms: loadEventEnd - startTime, status: responseStatus };
  });

/** Presses a button that reloads the page, and waits for the new document. */
const press = (page: Page, id: string): Promise<void> => reloaded(page, () => page.click(`#${id}`));

/** What is wrong with an id after consent; `null` if nothing. */
async function faultOfNew(id: string | null, withdrawn: string | null, site: Site): Promise<string | null> {
  if (id === null || !ID.test(id)) return "no id after consent";
  if (id === withdrawn) return "the withdrawn id is used again";
  const state = await site.stateOf(id);
  return state === "live" ? null : `the id is ${state} in the graph`;
}

/**
 * Runs all steps as one visitor from Germany in a new browser context, and checks and times each.
 * @param number selects the visitor's address.
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
    type Fault = string | null | Promise<string | null>;
    const steps: Record<Step, { go(): Promise<unknown>; faultOf(id: string | null): Fault }> = {
      "first visit": {
        go: () => page.goto(site.url),
        faultOf: (id) => (id === null ? null : "an id before consent"),
      },
      accept: {
        go: () => press(page, "accept"),
        faultOf: (id) => faultOfNew(id, null, site),
      },
      return: {
        go: () => page.goto(`${site.url}/article`),
        faultOf: (id) => (id === before ? null : "a different id on the return"),
      },
      withdraw: {
        go() {
          withdrawn = before;
          return press(page, "withdraw");
        },
        async faultOf(id) {
          if (id !== null) return "an id after the withdrawal";
          const state = await site.stateOf(withdrawn!);
          return state === "withdrawn" ? null : `the withdrawn id is ${state} in the graph`;
        },
      },
      "re-consent": {
        go: () => press(page, "accept"),
        faultOf: (id) => faultOfNew(id, withdrawn, site),
      },
    };
    for (const step of STEPS) {
      try {
        await steps[step].go();
        // loadEventEnd is 0 until the load event has ended.
        await page.waitForFunction(() => {
          const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
          return navigation!.loadEventEnd > 0;
        });
        const { ms, status } = await lastLoad(page);
        const id = await idOf(context, site);
        const isAnswered = status >= 200 && status < 300;
        const fault = isAnswered ? await steps[step].faultOf(id) : `the page has status ${status}`;
        seen.push({ step, ms, fault });
        if (fault !== null) break; // the later steps depend on this one
        before = id;
      } catch (error) {
        seen.push({
          step,
          ms: STEP_TIMEOUT_MS,
          fault: error instanceof Error ? error.message : String(error),
        });
        break;
      }
    }
    return seen;
  } finally {
    await context.close();
  }
}
