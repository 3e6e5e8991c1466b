/**
 * The engine with twenty servers on loopback, until every domain with a queue is closed. Prints the counts as one line of
 * JSON. Runs on Node, Deno and Bun.
 * @module
 */
import type { Clock } from "../../../runtime/platform.ts";
import { SyncEngine, type SyncEvent } from "../../../runtime/sync/index.ts";
import { keepAccount, mostInAMinute } from "./account.ts";
import { KINDS, type Kind, startServer } from "./servers.ts";
import { createDemand } from "./service.ts";

/** What was counted at one server. */
export interface Count {
  kind: Kind;
  requests: number;
  starts: number;
  mostAtOnce: number;
  mostInAMinute: number;
  limited: number;
  /** Number of rests. */
  rests: number;
  /** Number of starts during a rest. */
  disturbed: number;
}

/** What was counted in all. */
export interface Result {
  identifiers: number;
  complete: number;
  handedBack: number;
  released: number;
  servers: Count[];
}

const LIMITS = { maxConcurrent: 3, maxPerMinute: 10 };
const IDENTIFIERS = 80;
/** All domains are closed after a few seconds. If not, the counts show it. */
const PATIENCE_MS = 45_000;

const clock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const servers = await Promise.all(
  KINDS.map((kind) => startServer(kind, { slowMs: 300, limitEvery: 4, retryAfterSeconds: 60 })),
);

const { limiter, takes } = keepAccount(clock);
const resting = new Map<string, { times: number; until: number }>();
const disturbed = new Map<string, number>();
function onEvent(event: SyncEvent): void {
  if (event.kind !== "domain-rested") return;
  const { domain, restMs } = event;
  const { times, until } = resting.get(domain) ?? { times: 0, until: 0 };
  resting.set(domain, { times: times + 1, until: Math.max(until, clock.now() + restMs) });
}
const demand = createDemand();
const { fetch } = demand.context;
const context = {
  ...demand.context,
  fetch: (...args: Parameters<typeof fetch>) => {
    const domain = new URL(args[1].url).host;
    // One millisecond less: the engine read the clock earlier.
    const isDisturbed = clock.now() < (resting.get(domain)?.until ?? 0) - 1;
    if (isDisturbed) disturbed.set(domain, (disturbed.get(domain) ?? 0) + 1);
    return fetch(...args);
  },
};
const engine = new SyncEngine({
  context,
  clock,
  limiter,
  limits: LIMITS,
  onEvent,
  // Longer than a busy machine stalls: only the hanging servers are too late.
  idleTimeoutMs: 2_500,
});

engine.start();
for (let i = 0; i < IDENTIFIERS; i++) {
  const urls = [0, 1, 2, 3].map((k) => servers[(i * 3 + k * 7) % servers.length]!.url);
  demand.add(
    `identifier-${i}`,
    ["a", "b"].map((item) => `${i}/${item}`),
    urls,
  );
  engine.enqueue(`identifier-${i}`, 0);
}
const deadline = clock.now() + PATIENCE_MS;
for (let calm = 0; calm < 10 && clock.now() < deadline; ) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { domains } = engine.inspect();
  const isCalm =
    demand.starts.size > 0 && domains.every(({ inFlight, opensInMs }) => inFlight === 0 && opensInMs > 0);
  calm = isCalm ? calm + 1 : 0;
}
const { queued } = engine.inspect();
const snapshot = await engine.stop(5_000);
await Promise.all(servers.map((server) => server.close()));

const result: Result = {
  identifiers: IDENTIFIERS,
  complete: IDENTIFIERS - queued,
  handedBack: snapshot.identifiers.length,
  released: demand.released,
  servers: servers.map(({ kind, domain, requests, limited }) => ({
    kind,
    requests,
    starts: demand.starts.get(domain) ?? 0,
    mostAtOnce: demand.mostInFlight.get(domain) ?? 0,
    mostInAMinute: mostInAMinute(takes, domain),
    limited,
    rests: resting.get(domain)?.times ?? 0,
    disturbed: disturbed.get(domain) ?? 0,
  })),
};
console.log(JSON.stringify(result));
