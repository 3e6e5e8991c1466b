import type { Browser } from "playwright-core";
import { launchChromium } from "../../support/chromium.ts";
import { generate, type LoadResult } from "../../support/load-generator.ts";
import { type Site, startSite } from "./site.ts";
import { type Seen, visitSite } from "./visitor.ts";

/** How much of it. */
export interface LoadOptions {
  /** Of each of the two phases. */
  seconds: number;
  /** Browsers at once. */
  visitors: number;
  /** Connections of the generator. */
  connections: number;
  say(text: string): void;
}

/** What was seen with the server to themselves, and beside the generator. */
export interface LoadReport {
  options: Omit<LoadOptions, "say">;
  quiet: Seen[];
  busy: Seen[];
  generator: LoadResult;
  /** What the server logged as an error. */
  log: string;
}

/** Visitors come, one after the other in each of so many browsers' windows, until the time is up. */
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

/** Runs both phases on a site of its own. */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { seconds, visitors, connections, say } = options;
  const browser = await launchChromium();
  const site = await startSite();
  let number = 0;
  const nextNumber = () => number++;
  try {
    say("warming up");
    await visits(browser, site, { ...options, seconds: 0 }, nextNumber);
    say(`${visitors} visitors at once for ${seconds} s, and nobody else`);
    const quiet = await visits(browser, site, options, nextNumber);
    say(`the same beside ${connections} connections that never rest`);
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
    const { say: _, ...given } = options;
    return { options: given, quiet, busy, generator, log: site.log() };
  } finally {
    await browser.close();
    await site.close();
  }
}
