import type { Browser } from "playwright-core";
import { launchChromium } from "../../support/chromium.ts";
import { generate, type LoadResult } from "../../support/load-generator.ts";
import { type Site, startSite } from "./site.ts";
import { type Seen, visitSite } from "./visitor.ts";

/** Size of a run. */
export interface LoadOptions {
  /** Duration of each of the two phases. */
  seconds: number;
  /** Number of browsers at once. */
  visitors: number;
  /** Connections of the load generator. */
  connections: number;
  /** Receives the progress. */
  log(text: string): void;
}

/** What the visitors saw, alone and beside the load generator. */
export interface LoadReport {
  options: Omit<LoadOptions, "log">;
  quiet: Seen[];
  busy: Seen[];
  generator: LoadResult;
  /** Errors in the log of the server. */
  log: string;
}

/** Visits until the time is over: in each browser one visitor after the other. */
async function visits(
  browser: Browser,
  site: Site,
  { seconds, visitors }: LoadOptions,
  nextNumber: () => number,
): Promise<Seen[]> {
  const end = performance.now() + seconds * 1000;
  const seen: Seen[] = [];
  const one = async () => {
    do seen.push(...(await visitSite(browser, site, nextNumber())));
    while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: visitors }, one));
  return seen;
}

/** Starts a site and runs both phases. */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { seconds, visitors, connections, log } = options;
  const browser = await launchChromium();
  const site = await startSite();
  let number = 0;
  const nextNumber = () => number++;
  try {
    log("warming up");
    await visits(browser, site, { ...options, seconds: 0 }, nextNumber);
    log(`${visitors} visitors at once for ${seconds} s, without other load`);
    const quiet = await visits(browser, site, options, nextNumber);
    log(`the same beside ${connections} busy connections`);
    const headers = { "x-ip": "203.0.113.1", "x-country": "JP" };
    const id = (await fetch(site.plainUrl, { headers })).headers.get("x-ts-ec");
    const ending = new AbortController();
    const load = generate({
      url: site.plainUrl,
      headers: { ...headers, cookie: `ts-ec=${id}` },
      connections,
      durationMs: seconds * 1000,
      signal: ending.signal,
    });
    load.catch(() => {}); // awaited below, after the visitors
    const busy = await visits(browser, site, options, nextNumber).catch((error) => {
      ending.abort();
      throw error;
    });
    const generator = await load;
    const { log: _, ...given } = options;
    return { options: given, quiet, busy, generator, log: site.log() };
  } finally {
    await browser.close();
    await site.close();
  }
}
