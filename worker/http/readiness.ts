/**
 * Readiness of this instance: it can read and write its store and its limiter, and it is not about to stop.
 * @module
 */

import { settlesWithin } from "../../runtime/lib/within.ts";
import type { Clock, RateLimiter, Store } from "../../runtime/platform.ts";

/** Timeout after which a part counts as down, in milliseconds. */
const PATIENCE_MS = 2000;
/** How long an instance reuses its last result, in milliseconds. */
const RESULT_MS = 1000;
/**
 * How long a result is reused if an instance lives for one request only, in milliseconds. The instances share the time of the
 * last probe by the entry that it wrote.
 */
const SHARED_RESULT_MS = 10_000;
/** Lifetime of a probe's entry, in seconds. Each instance uses one key. */
const PROBE_TTL_SECONDS = 60;

/** The parts that are probed. */
export type Part = "store" | "limiter";

/** The result of a probe. */
export type ReadyState = { status: "ok" } | { status: "down"; down: Part[] } | { status: "draining" };

export interface Readiness {
  /** Probes the parts, or returns the last result if it is recent. Never rejects. */
  check(): Promise<ReadyState>;
  /** Makes the instance not ready, for the time between the signal to stop and the end. */
  drain(): void;
}

export interface ReadinessOptions {
  store: Store;
  limiter: RateLimiter;
  clock: Clock;
  /** Whether the process lives on between requests and can reuse a result. */
  livesBetweenRequests: boolean;
  /** Returns a name that is unique among instances. Called at the first probe. */
  nameInstance(): string;
}

/** Creates the readiness of an instance. It probes nothing before the first check. */
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
    // A former master that became a replica answers reads with old values.
    if (store.traits.readAfterWrite && livesBetweenRequests && read?.value !== now) {
      throw new Error("the store does not return what was written");
    }
  }

  const probes: Record<Part, () => Promise<unknown>> = {
    store: probeStore,
    // Both results, admitted and refused, prove that the limiter works.
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
