/**
 * The sync engine at scale, in virtual time. Every start is checked against its domain's limits; one breach ends the run with
 * an error.
 * @module
 */
import type { RateLimiter } from "../../runtime/platform.ts";
import {
  DEFAULT_LIMITS,
  DELAYS_MS,
  RateLimited,
  type SyncContext,
  SyncEngine,
  type SyncEvent,
} from "../../runtime/sync/index.ts";
import { ATTEMPTS_PER_BATCH, BATCH_PAUSE_MS, TICK_MS } from "../../runtime/sync/schedule.ts";
import { hotPathLimiter } from "../unit/runtime/sync/hot-path-limiter.ts";
import { VirtualClock } from "../unit/runtime/sync/virtual-clock.ts";

/** The size of a simulation. */
export interface Size {
  identifiers: number;
  domains: number;
  /** Minutes of virtual time. */
  minutes: number;
  seed: number;
}

/** What a simulation counted. */
export interface Simulated {
  /** Events of the engine, by kind. */
  events: Partial<Record<SyncEvent["kind"], number>>;
  starts: number;
  mostInFlight: number;
  mostInWindow: number;
  released: number;
  mostQueued: number;
  queuedAtEnd: number;
  domainsAtEnd: number;
  /** What `stop` returned. */
  stopped: { identifiers: number; domains: number };
  seconds: number;
  cpuSeconds: number;
  heapBeforeMiB: number;
  heapMostMiB: number;
}

/** Items that each identifier needs, and sources that it may ask. */
const NEEDS = 3;
export const SOURCES = 4;

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

const collect = globalThis.gc ?? (() => {});
function heapMiB(): number {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

const indexOf = (identifier: string) => Number(identifier.slice(2));

/** A service with servers of four kinds, in typed arrays, so that the memory measured is the engine's. */
class Model {
  readonly clock = new VirtualClock();
  readonly missing: Uint8Array;
  readonly breaches: string[] = [];
  readonly seen = { starts: 0, mostInFlight: 0, mostInWindow: 0, released: 0 };
  readonly #random: () => number;
  readonly #asks: Uint16Array;
  readonly #has: Uint8Array;
  readonly #kinds: string[];
  readonly #starts = new Map<string, number[]>();
  readonly #inFlight = new Map<string, number>();

  constructor({ identifiers, domains, seed }: Size) {
    const random = dice(seed);
    this.#random = random;
    this.missing = new Uint8Array(identifiers).fill((1 << NEEDS) - 1);
    this.#asks = new Uint16Array(identifiers * SOURCES);
    this.#has = new Uint8Array(identifiers * SOURCES);
    for (let i = 0; i < this.#asks.length; i++) {
      // A few domains are known to many identifiers, most to few: the square makes the first ones popular.
      this.#asks[i] = Math.floor(random() ** 2 * domains);
      this.#has[i] = random() < 0.5 ? 1 << Math.floor(random() * NEEDS) : (1 << NEEDS) - 1;
    }
    // One server in twenty fails, one hangs, one sometimes asks for fewer requests.
    this.#kinds = Array.from({ length: domains }, () => {
      const luck = random();
      return luck < 0.05 ? "fails" : luck < 0.1 ? "hangs" : luck < 0.15 ? "limits" : "serves";
    });
  }

  readonly context: SyncContext<number> = {
    hasPending: async (identifier) => this.missing[indexOf(identifier)] !== 0,
    neededItems: async (identifier) => {
      const bits = this.missing[indexOf(identifier)]!;
      return [0, 1, 2].filter((item) => bits & (1 << item));
    },
    sources: async (identifier) => {
      const from = indexOf(identifier) * SOURCES;
      return [0, 1, 2, 3].map((ask) => {
        const url = `https://d${this.#asks[from + ask]}.test/${identifier}/${ask}`;
        return { url, key: url };
      });
    },
    fetch: (identifier, source, items, { signal }) => {
      const { host: domain, pathname } = new URL(source.url);
      this.#begin(domain);
      const kind = this.#kinds[Number(domain.slice(1, -".test".length))];
      return new Promise((resolve, reject) => {
        const settle = (act: () => void) => {
          this.clock.activity++;
          this.#inFlight.set(domain, this.#inFlight.get(domain)! - 1);
          act();
        };
        signal.addEventListener("abort", () => settle(() => reject(signal.reason)));
        if (kind === "hangs") return;
        this.clock.after(20 + Math.floor(this.#random() * 2_000), () =>
          settle(() => {
            if (kind === "fails") return reject(new Error("it fails"));
            if (kind === "limits" && this.#random() < 0.1) return reject(new RateLimited(30_000));
            const bits = this.#has[indexOf(identifier) * SOURCES + Number(pathname.split("/")[2])]!;
            resolve({ items: items.filter((item) => bits & (1 << item)) });
          }),
        );
      });
    },
    process: async (identifier, items) => {
      this.seen.released += items.length;
      for (const item of items) this.missing[indexOf(identifier)]! &= ~(1 << item);
    },
  };

  #begin(domain: string): void {
    this.seen.starts++;
    const now = (this.#inFlight.get(domain) ?? 0) + 1;
    this.#inFlight.set(domain, now);
    const times = this.#starts.get(domain) ?? [];
    while (times.length > 0 && times[0]! <= this.clock.elapsed - 60_000) times.shift();
    times.push(this.clock.elapsed);
    this.#starts.set(domain, times);
    this.seen.mostInFlight = Math.max(this.seen.mostInFlight, now);
    this.seen.mostInWindow = Math.max(this.seen.mostInWindow, times.length);
    // Noted, not thrown: the engine would take that for a failure of the server.
    if (now > DEFAULT_LIMITS.maxConcurrent || times.length > DEFAULT_LIMITS.maxPerMinute) {
      this.breaches.push(`${domain} saw ${now} at once and ${times.length} in a minute`);
    }
  }
}

/** Lets identifiers arrive in the first two thirds of the time; one in four expects a push first. */
export async function simulate(size: Size): Promise<Simulated> {
  const { identifiers, minutes } = size;
  const model = new Model(size);
  const { clock, seen, breaches } = model;
  const events: Simulated["events"] = {};
  const limiter = hotPathLimiter(() => clock.now(), 200_000);
  const engine = new SyncEngine({
    context: model.context,
    clock,
    limiter,
    idleTimeoutMs: 30_000,
    maxQueued: identifiers,
    onEvent: ({ kind }) => {
      events[kind] = (events[kind] ?? 0) + 1;
    },
  });
  const heapBeforeMiB = heapMiB();
  let heapMostMiB = heapBeforeMiB;
  let mostQueued = 0;
  engine.start();
  const arrivalsPerSecond = Math.ceil(identifiers / (minutes * 40));
  let arrived = 0;
  const cpuBegun = process.cpuUsage();
  const begun = performance.now();
  let heapMs = 0;
  for (let second = 0; second < minutes * 60; second++) {
    for (let i = 0; i < arrivalsPerSecond && arrived < identifiers; i++, arrived++) {
      engine.enqueue(`id${arrived}`, arrived % 4 === 0 ? DELAYS_MS.default : DELAYS_MS.immediate);
    }
    clock.activity++;
    await clock.run(1_000);
    if (breaches.length > 0) throw new Error(breaches[0]);
    mostQueued = Math.max(mostQueued, engine.inspect().queued);
    if (second % 300 === 299) {
      const heapBegun = performance.now();
      heapMostMiB = Math.max(heapMostMiB, heapMiB());
      heapMs += performance.now() - heapBegun;
    }
  }
  const seconds = (performance.now() - begun - heapMs) / 1000;
  const cpu = process.cpuUsage(cpuBegun);
  const { queued, domains } = engine.inspect();
  const stopping = engine.stop();
  await clock.run(20_000);
  const snapshot = await stopping;
  return {
    events,
    ...seen,
    mostQueued,
    queuedAtEnd: queued,
    domainsAtEnd: domains.length,
    stopped: { identifiers: snapshot.identifiers.length, domains: snapshot.domains.length },
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    heapBeforeMiB,
    heapMostMiB,
  };
}

/** The heap that each identifier takes while all of them wait, each for all its domains: the worst case. */
export async function worstBytesEach(size: Size): Promise<number> {
  const { identifiers } = size;
  const model = new Model(size);
  const limiter: RateLimiter = { take: () => ({ admitted: false, remaining: 0, retryAfterMs: 60_000 }) };
  const before = heapMiB();
  const engine = new SyncEngine({
    context: model.context,
    clock: model.clock,
    limiter,
    maxQueued: identifiers,
  });
  engine.start();
  for (let i = 0; i < identifiers; i++) engine.enqueue(`id${i}`, 0);
  model.clock.thorough = true;
  // The loop starts them in batches.
  await model.clock.run(TICK_MS + Math.ceil(identifiers / ATTEMPTS_PER_BATCH) * BATCH_PAUSE_MS + TICK_MS);
  const waiting = engine.inspect().domains.reduce((sum, domain) => sum + domain.waiting, 0);
  // An identifier may have two sources at one domain.
  if (waiting < identifiers * 3) throw new Error(`only ${waiting} wait, of ${identifiers} identifiers`);
  const bytes = ((heapMiB() - before) * 2 ** 20) / identifiers;
  void engine.stop(0);
  return bytes;
}
