// Collects documents from whichever server has them:
//   node main.ts TITLE=URL[,URL...] [TITLE=URL[,URL...] ...]
import { localLimiter } from "../../runtime/limiters/local.ts";
import { createLog } from "../../runtime/observe/log.ts";
import { createMetrics } from "../../runtime/observe/metrics.ts";
import type { SyncContext } from "../../runtime/sync/context.ts";
import { SyncEngine } from "../../runtime/sync/engine.ts";
import { RateLimited, retryAfterMs } from "../../runtime/sync/rate-limited.ts";
import { DELAYS_MS } from "../../runtime/sync/schedule.ts";
import { steadyClock } from "../../runtime/sync/steady-clock.ts";
import { createHotPath } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";

/** The URLs of each document that is still missing. */
const wanted = new Map<string, string[]>();

/** What the engine asks of us: an identifier is a title, an item a document's text. */
const context: SyncContext<string> = {
  hasPending: async (title) => wanted.has(title),
  neededItems: async (title) => (wanted.has(title) ? [title] : []),
  sources: async (title) => wanted.get(title) ?? [],
  async fetch(_title, source, _items, signal) {
    const response = await fetch(source, { signal, redirect: "error" });
    if (response.status === 404) return [];
    if (response.status === 429) {
      throw new RateLimited(retryAfterMs(response.headers.get("retry-after"), Date.now()));
    }
    if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
    return [await response.text()];
  },
  async process(title, [text]) {
    console.log(`${title}: ${text}`);
    wanted.delete(title);
  },
};

const clock = {
  now: () => Date.now(),
  after(delayMs: number, callback: () => void) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const hotPath = createHotPath(inlineKernels(), {
  maxKeys: 10_000,
  random: { fill: (target) => void crypto.getRandomValues(target) },
});
const engine = new SyncEngine({
  context,
  clock,
  limiter: localLimiter(hotPath, steadyClock(clock)),
  log: createLog({ level: "warn", write: (line) => console.error(line), clock }),
  metrics: createMetrics(),
  limits: { maxConcurrent: 2, maxPerMinute: 30 },
  fetchTimeoutMs: 10_000,
});

engine.start();
for (const argument of process.argv.slice(2)) {
  const [title, urls] = argument.split("=", 2) as [string, string];
  wanted.set(title, urls.split(","));
  const result = engine.enqueue(title, DELAYS_MS.immediate);
  if (!result.admitted) console.error(`${title} was refused: ${result.reason}`);
}

// A server would run on; this is done when nothing waits any more.
while (engine.inspect().queued > 0) await new Promise((resolve) => setTimeout(resolve, 100));
await engine.stop();
