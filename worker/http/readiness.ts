/**
 * Whether this instance can do its work: what it needs can be read and written, and it is not about to end.
 * @module
 */

import { settlesWithin } from "../../runtime/lib/within.ts";
import type { Clock, RateLimiter, Store } from "../../runtime/platform.ts";

/** How long a part may take to answer before it counts as down, in milliseconds. */
const PATIENCE_MS = 2000;
/** How long one instance's result is used again, in milliseconds: askers cost nothing, however many there are. */
const RESULT_MS = 1000;
/**
 * The same where an instance lives for one request and remembers nothing, in milliseconds: the entry that a probe writes
 * tells all instances when that was.
 */
const SHARED_RESULT_MS = 10_000;
/** How long the store keeps a probe's entry, in seconds. One key an instance, so that the store does not grow. */
const PROBE_TTL_SECONDS = 60;

/** The parts that are probed. */
export type Part = "store" | "limiter";

/** What a probe found. */
export type ReadyState = { status: "ok" } | { status: "down"; down: Part[] } | { status: "draining" };

export interface Readiness {
  /** Reads and writes what the service needs; never rejects. Asked often, it answers from the last result. */
  check(): Promise<ReadyState>;
  /** From now on the instance is not ready. For the time between a signal to stop and the end. */
  drain(): void;
}

export interface ReadinessOptions {
  store: Store;
  limiter: RateLimiter;
  clock: Clock;
  /** The process lives on between requests, so that it may remember a result. */
  livesBetweenRequests: boolean;
  /** Makes a name that no other instance has; called at the first probe. */
  nameInstance(): string;
}

/** Probes nothing before it is asked. */
export function createReadiness(options: ReadinessOptions): Readiness {
  const { store, limiter, clock, livesBetweenRequests, nameInstance } = options;
  const rate = { limit: 1, windowMs: livesBetweenRequests ? RESULT_MS / 2 : SHARED_RESULT_MS };
  let key: string | null = null;
  let isDraining = false;
  let last: { state: ReadyState; atMs: number } | null = null;
  let probing: Promise<ReadyState> | null = null;

  function probeKey(): string {
    key ??= livesBetweenRequests ? `ready:${nameInstance()}` : "ready";
    return key;
  }

  /** Writes an entry and reads it back. */
  async function probeStore(): Promise<void> {
    const key = probeKey();
    const now = String(clock.now());
    if (!livesBetweenRequests && isRecent(Number((await store.get(key))?.value), SHARED_RESULT_MS)) return;
    await store.put(key, now, { ttlSeconds: PROBE_TTL_SECONDS });
    const read = await store.get(key);
    // A replica that was a master a moment ago answers reads, and old ones.
    if (store.traits.readAfterWrite && livesBetweenRequests && read?.value !== now) {
      throw new Error("the store does not return what was written");
    }
  }

  const probes: Record<Part, () => Promise<unknown>> = {
    store: probeStore,
    // Whether it admits does not matter: both answers take what is needed.
    limiter: async () => limiter.take(probeKey(), rate),
  };

  function isRecent(atMs: number, withinMs: number): boolean {
    const ageMs = clock.now() - atMs;
    return ageMs >= 0 && ageMs < withinMs;
  }

  async function answers(part: Part): Promise<boolean> {
    try {
      return await settlesWithin(probes[part](), PATIENCE_MS, clock);
    } catch {
      return false;
    }
  }

  async function probe(): Promise<ReadyState> {
    const parts = Object.keys(probes) as Part[];
    const sound = await Promise.all(parts.map(answers));
    const down = parts.filter((_, i) => !sound[i]);
    const state: ReadyState = down.length === 0 ? { status: "ok" } : { status: "down", down };
    last = { state, atMs: clock.now() };
    probing = null;
    return state;
  }

  return {
    async check() {
      if (isDraining) return { status: "draining" };
      if (last !== null && isRecent(last.atMs, RESULT_MS)) return last.state;
      probing ??= probe();
      return probing;
    },
    drain() {
      isDraining = true;
    },
  };
}
