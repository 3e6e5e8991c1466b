// Collects documents from any server that has them:
//   node main.ts TITLE=URL[,URL...] [TITLE=URL[,URL...] ...]
import { createHotPath } from "millrace/hotpath";
import { inlineKernels } from "millrace/hotpath/inline";
import { localLimiter } from "millrace/limiters/local";
import { createLog } from "millrace/log";
import { createMetrics } from "millrace/metrics";
import {
  combineListeners,
  DELAYS_MS,
  logListener,
  metricsListener,
  monotonicClock,
  RateLimited,
  retryAfterMs,
  SourceUnusable,
  type SyncContext,
  SyncEngine,
} from "millrace/sync";

/** The URLs of each document that is still missing. */
const wanted = new Map<string, string[]>();

/** What the engine asks. Here an identifier is a title, and an item is a document's text. */
const context: SyncContext<string> = {
  hasPending: async (title) => wanted.has(title),
  neededItems: async (title) => (wanted.has(title) ? [title] : []),
  sources: async (title) => (wanted.get(title) ?? []).map((url) => ({ url, key: url })),
  async fetch(_title, source, _items, { signal }) {
    const response = await fetch(source.url, { signal, redirect: "error" });
    if (response.status === 404) throw new SourceUnusable("the server does not have it", null);
    if (response.status === 429) {
      throw new RateLimited(retryAfterMs(response.headers.get("retry-after"), Date.now()));
    }
    if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
    return { items: [await response.text()] };
  },
  async process(title, [text], { source }) {
    console.log(`${title}, from ${new URL(source.url).host}: ${text}`);
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
const log = createLog({ level: "warn", write: (line) => console.error(line), clock });
const metrics = createMetrics();
const engine = new SyncEngine({
  context,
  clock,
  limiter: localLimiter(hotPath, monotonicClock(clock)),
  onEvent: combineListeners(
    logListener(log, { nameInLog: (title) => title }),
    metricsListener(metrics, { prefix: "documents_" }),
  ),
  limits: { maxConcurrent: 2, maxPerMinute: 30 },
  idleTimeoutMs: 10_000,
});

engine.start();
for (const argument of process.argv.slice(2)) {
  const [title, urls] = argument.split("=", 2) as [string, string];
  wanted.set(title, urls.split(","));
  const result = engine.enqueue(title, DELAYS_MS.immediate);
  if (!result.admitted) console.error(`${title} was refused: ${result.reason}`);
}

// A server would continue; this program ends when no document is missing.
while (engine.inspect().queued > 0) await new Promise((resolve) => setTimeout(resolve, 100));
await engine.stop();
