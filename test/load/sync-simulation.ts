/**
 * The sync engine at scale, in virtual time: 100,000 identifiers, 1,000 domains, an hour. Prints what it did, how fast and
 * in how much memory, and what a round of the throttle costs as identifiers and domains grow. Every start is checked against
 * its domain's limits on the way; one breach ends the run with an error.
 *
 *   npm run simulate:sync [-- --identifiers 100000 --domains 1000 --minutes 60]
 * @module
 */
import { createMetrics } from "../../runtime/observe/metrics.ts";
import type { SyncContext } from "../../runtime/sync/context.ts";
import { SyncEngine } from "../../runtime/sync/engine.ts";
import { RateLimited } from "../../runtime/sync/rate-limited.ts";
import { DELAYS_MS } from "../../runtime/sync/schedule.ts";
import { readToolOptions } from "../support/tool-options.ts";
import { hotPathLimiter } from "../unit/runtime/sync/hot-path-limiter.ts";
import { VirtualClock } from "../unit/runtime/sync/virtual-clock.ts";
import { measureCost } from "./sync-cost.ts";
import { quiet } from "./sync-quiet.ts";

const { values } = readToolOptions({
  name: "simulate:sync",
  summary: "Runs the sync engine in virtual time and prints its work, its speed and its memory.",
  options: {
    identifiers: { default: 100_000, summary: "number of identifiers" },
    domains: { default: 1000, summary: "number of domains" },
    minutes: { default: 60, summary: "virtual time" },
    seed: { default: 1, summary: "seed of the random numbers" },
  },
});
const { identifiers: IDENTIFIERS, domains: DOMAINS, minutes: MINUTES } = values;
const LIMITS = { maxConcurrent: 5, maxPerMinute: 30 };

/** Numbers that look random and are the same every time (mulberry32). */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = dice(values.seed);
const clock = new VirtualClock();
const collect = globalThis.gc ?? (() => {});
const heapMiB = () => {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

/** What an identifier needs and where it may ask: held in typed arrays, so that the memory measured is the engine's. */
const NEEDS = 3;
const ASKS = 4;
const missing = new Uint8Array(IDENTIFIERS).fill((1 << NEEDS) - 1);
const asks = new Uint16Array(IDENTIFIERS * ASKS);
const has = new Uint8Array(IDENTIFIERS * ASKS);
for (let i = 0; i < asks.length; i++) {
  // A few domains are known to many, most to few: the square makes the first ones popular.
  asks[i] = Math.floor(random() ** 2 * DOMAINS);
  has[i] = random() < 0.5 ? 1 << Math.floor(random() * NEEDS) : (1 << NEEDS) - 1;
}

/** One server in twenty fails, one hangs, one asks for fewer requests now and then. */
const kinds = Array.from({ length: DOMAINS }, () => {
  const luck = random();
  return luck < 0.05 ? "fails" : luck < 0.1 ? "hangs" : luck < 0.15 ? "limits" : "serves";
});

const indexOf = (identifier: string) => Number(identifier.slice(2));
const starts = new Map<string, number[]>();
const inFlight = new Map<string, number>();
const seen = { starts: 0, mostInFlight: 0, mostInWindow: 0, released: 0 };

/** Noted, not thrown: the engine would take that for a failure of the server. */
const breaches: string[] = [];

function begin(domain: string): void {
  seen.starts++;
  const now = (inFlight.get(domain) ?? 0) + 1;
  inFlight.set(domain, now);
  const times = starts.get(domain) ?? [];
  while (times.length > 0 && times[0]! <= clock.elapsed - 60_000) times.shift();
  times.push(clock.elapsed);
  starts.set(domain, times);
  seen.mostInFlight = Math.max(seen.mostInFlight, now);
  seen.mostInWindow = Math.max(seen.mostInWindow, times.length);
  if (now > LIMITS.maxConcurrent || times.length > LIMITS.maxPerMinute) {
    breaches.push(`${domain} saw ${now} at once and ${times.length} in a minute`);
  }
}

const context: SyncContext<number> = {
  hasPending: async (identifier) => missing[indexOf(identifier)] !== 0,
  neededItems: async (identifier) => {
    const bits = missing[indexOf(identifier)]!;
    return [0, 1, 2].filter((item) => bits & (1 << item));
  },
  sources: async (identifier) => {
    const from = indexOf(identifier) * ASKS;
    return [0, 1, 2, 3].map((ask) => `https://d${asks[from + ask]}.test/${identifier}/${ask}`);
  },
  fetch(identifier, source, items, signal) {
    const url = new URL(source);
    const domain = url.host;
    begin(domain);
    const kind = kinds[Number(domain.slice(1, -".test".length))];
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clock.activity++;
        inFlight.set(domain, inFlight.get(domain)! - 1);
        act();
      };
      signal.addEventListener("abort", () => settle(() => reject(signal.reason)));
      if (kind === "hangs") return;
      clock.after(20 + Math.floor(random() * 2_000), () =>
        settle(() => {
          if (kind === "fails") reject(new Error("it fails"));
          else if (kind === "limits" && random() < 0.1) reject(new RateLimited(30_000));
          else {
            const bits = has[indexOf(identifier) * ASKS + Number(url.pathname.split("/")[2])]!;
            resolve(items.filter((item) => bits & (1 << item)));
          }
        }),
      );
    });
  },
  process: async (identifier, items) => {
    seen.released += items.length;
    for (const item of items) missing[indexOf(identifier)]! &= ~(1 << item);
  },
};

const metrics = createMetrics();
const engine = new SyncEngine({
  context,
  clock,
  limiter: hotPathLimiter(() => clock.now(), 200_000),
  limits: LIMITS,
  log: quiet,
  metrics,
  maxQueued: IDENTIFIERS,
});

const heapBefore = heapMiB();
let heapFull = heapBefore;
let mostQueued = 0;
engine.start();

// All arrive in the first two thirds, in the order of their numbers; one in four expects a push first.
const arrivalsPerSecond = Math.ceil(IDENTIFIERS / (MINUTES * 40));
let arrived = 0;
const cpuBegun = process.cpuUsage();
const wallBegun = performance.now();
let heapSeconds = 0;
for (let second = 0; second < MINUTES * 60; second++) {
  for (let i = 0; i < arrivalsPerSecond && arrived < IDENTIFIERS; i++, arrived++) {
    engine.enqueue(`id${arrived}`, arrived % 4 === 0 ? DELAYS_MS.default : DELAYS_MS.immediate);
  }
  clock.activity++;
  await clock.run(1_000);
  if (breaches.length > 0) throw new Error(breaches[0]);
  const { queued } = engine.inspect();
  if (queued > mostQueued) mostQueued = queued;
  if (second % 300 === 299) {
    const begun = performance.now();
    heapFull = Math.max(heapFull, heapMiB());
    heapSeconds += (performance.now() - begun) / 1000;
  }
}
const wallSeconds = (performance.now() - wallBegun) / 1000 - heapSeconds;
const cpu = process.cpuUsage(cpuBegun);
const { queued, domains } = engine.inspect();
const attempts = Number(/^sync_attempts_total (\d+)/m.exec(metrics.text())?.[1] ?? 0);
const counted = (name: string) => Number(new RegExp(`^${name} (\\d+)`, "m").exec(metrics.text())?.[1] ?? 0);
const pause = engine.stop();
await clock.run(20_000);
const snapshot = await pause;

/** The heap that every identifier takes while all of them wait, each for all its domains: the worst that can be. */
async function worstBytesEach(): Promise<number> {
  missing.fill(1);
  const before = heapMiB();
  const crowded = new SyncEngine({
    context,
    clock,
    limiter: { take: () => ({ admitted: false, remaining: 0, retryAfterMs: 60_000 }) },
    log: quiet,
    metrics: createMetrics(),
    maxQueued: IDENTIFIERS,
  });
  crowded.start();
  for (let i = 0; i < IDENTIFIERS; i++) crowded.enqueue(`id${i}`, 0);
  clock.activity++;
  clock.thorough = true;
  await clock.run(1_500);
  const waiting = crowded.inspect().domains.reduce((sum, domain) => sum + domain.waiting, 0);
  if (waiting < IDENTIFIERS * 3) throw new Error(`only ${waiting} wait`);
  const bytes = ((heapMiB() - before) * 2 ** 20) / IDENTIFIERS;
  void crowded.stop(0);
  return bytes;
}

const number = (value: number, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const lines: [string, string][] = [
  ["identifiers, domains, virtual time", `${number(IDENTIFIERS)}, ${number(DOMAINS)}, ${MINUTES} minutes`],
  ["real time", `${number(wallSeconds, 1)} s (processor ${number((cpu.user + cpu.system) / 1e6, 1)} s)`],
  ["attempts of the main path", number(attempts)],
  ["fetches begun", `${number(seen.starts)} (${number(seen.starts / wallSeconds)} a second of real time)`],
  ["items released", number(seen.released)],
  [
    "identifiers complete, expired, still waiting",
    [counted("sync_completed_total"), counted("sync_expired_total"), queued].map((n) => number(n)).join(", "),
  ],
  ["most identifiers waiting at once", number(mostQueued)],
  [
    "most in flight, most starts in 60 s, on any domain",
    `${seen.mostInFlight} of ${LIMITS.maxConcurrent}, ${seen.mostInWindow} of ${LIMITS.maxPerMinute}`,
  ],
  ["heap before, most during the run", `${number(heapBefore, 1)} MiB, ${number(heapFull, 1)} MiB`],
  [
    "that is, for each identifier waiting at most",
    `${number(((heapFull - heapBefore) * 2 ** 20) / mostQueued)} bytes`,
  ],
  ["domains active at the end", number(domains.length)],
  [
    "handed back by stop()",
    `${number(snapshot.identifiers.length)} identifiers, ${number(snapshot.domains.length)} resting domains`,
  ],
];
lines.push([
  `all ${number(IDENTIFIERS)} waiting at once, each for ${ASKS} domains`,
  `${number(await worstBytesEach())} bytes each`,
]);
for (const [what, value] of lines) console.log(`${what.padEnd(52)} ${value}`);

console.log("\nOne round of the throttle (pick, reserve, count in the window, release), processor time:");
const sizes = [1_000, 10_000, 100_000].flatMap((ids) => [10, 100, 1_000].map((of) => [ids, of] as const));
console.log("identifiers    domains    nanoseconds");
for (const { identifiers, domains, nanoseconds } of measureCost(sizes)) {
  console.log(
    `${number(identifiers).padStart(11)} ${number(domains).padStart(10)} ${number(nanoseconds).padStart(14)}`,
  );
}
