import type { Log, Metrics, RateLimiter, TakeResult } from "../../../../runtime/platform.ts";
import type { SyncContext } from "../../../../runtime/sync/context.ts";
import type { SyncEngine, SyncEngineOptions } from "../../../../runtime/sync/engine.ts";
import type { RateLimited } from "../../../../runtime/sync/rate-limited.ts";
import { ABORT_GRACE_MS } from "../../../../runtime/sync/schedule.ts";
import { domainOf } from "../../../../runtime/sync/source.ts";
import type { steadyClock } from "../../../../runtime/sync/steady-clock.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The engine's code, so that the same stage can be set with a damaged copy of it. */
export interface Code {
  SyncEngine: typeof SyncEngine<string>;
  RateLimited: typeof RateLimited;
  steadyClock: typeof steadyClock;
}

/** How a server behaves. */
export type Behaviour =
  | { kind: "serves"; latencyMs: number }
  | { kind: "fails"; latencyMs: number }
  | { kind: "hangs" }
  | { kind: "ignores the signal" }
  | { kind: "limits"; latencyMs: number; retryAfterMs: number | null };

/** A fetch as the stage saw it begin. */
export interface Start {
  at: number;
  identifier: string;
  source: string;
  domain: string;
  items: readonly string[];
}

/** How a fetch ended, as far as the stage can tell. */
export type End = "served" | "failed" | "limited" | "aborted";

/** An exact limiter that is easy to believe: it remembers every take. */
export function plainLimiter(now: () => number): RateLimiter {
  const takes = new Map<string, number[]>();
  return {
    take(key, { limit, windowMs }): TakeResult {
      const at = now();
      const live = (takes.get(key) ?? []).filter((time) => time > at - windowMs);
      const admitted = live.length < limit;
      if (admitted) live.push(at);
      takes.set(key, live);
      const blocking = live[live.length - limit];
      const retryAfterMs = admitted ? 0 : blocking === undefined ? windowMs : blocking + windowMs - at;
      return { admitted, remaining: Math.max(0, limit - live.length), retryAfterMs };
    },
  };
}

/** What the stage is set with. */
export interface StageOptions extends Partial<SyncEngineOptions<string>> {
  /** Milliseconds that each question to the context takes. */
  lookMs?: number;
  /** Milliseconds that the limiter takes to answer; left out: it answers at once. */
  limiterMs?: number;
  /** Called when a fetch begins and when it ends. */
  onStart?: (start: Start) => void;
  onEnd?: (start: Start, end: End) => void;
}

/**
 * An engine in virtual time, with servers that do as they are told. Which items an identifier needs and which URL has which
 * items are plain maps.
 */
export class Stage {
  readonly clock = new VirtualClock();
  readonly engineClock = this.clock.view();
  readonly code: Code;
  readonly options: StageOptions;
  /** What each identifier still needs. */
  readonly needs = new Map<string, Set<string>>();
  /** Where each identifier may look, and what is there. */
  readonly sources = new Map<string, Map<string, readonly string[]>>();
  /** How each domain behaves; one that is not named serves within 10 ms. */
  readonly behaviours = new Map<string, Behaviour>();
  readonly starts: Start[] = [];
  /** What the limiter let pass. */
  readonly takes: { at: number; domain: string }[] = [];
  readonly underWay = new Set<Start>();
  /** Questions to the context or the limiter that are not answered yet. */
  pendingAnswers = 0;
  /** Each call of `process`. */
  readonly processed: { at: number; identifier: string; items: readonly string[] }[] = [];
  readonly logged: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  readonly counts = new Map<string, number>();
  readonly gauges = new Map<string, number>();
  readonly observed = new Map<string, number[]>();
  readonly limiter: RateLimiter;
  engine: SyncEngine<string>;

  constructor(code: Code, options: StageOptions = {}) {
    this.code = code;
    this.options = options;
    const limiterClock = code.steadyClock(this.clock);
    const limiter = options.limiter ?? plainLimiter(() => limiterClock.now());
    const take: RateLimiter["take"] = (key, rate) => {
      const taken = limiter.take(key, rate) as TakeResult;
      if (taken.admitted) this.takes.push({ at: this.clock.elapsed, domain: key.slice("sync:".length) });
      return taken;
    };
    const { limiterMs } = options;
    const takeSlowly: RateLimiter["take"] = async (key, rate) => {
      const taken = take(key, rate);
      await this.#pause(limiterMs!);
      return taken;
    };
    this.limiter = { take: limiterMs === undefined ? take : takeSlowly };
    this.engine = this.newEngine();
  }

  newEngine(): SyncEngine<string> {
    return new this.code.SyncEngine({
      clock: this.engineClock,
      log: this.log,
      metrics: this.metrics,
      ...this.options,
      context: this.context,
      limiter: this.limiter,
    });
  }

  /** Has an identifier need items that these URLs have. */
  needsFrom(identifier: string, items: readonly string[], sources: Record<string, readonly string[]>): void {
    const needs = this.needs.get(identifier) ?? new Set();
    for (const item of items) needs.add(item);
    this.needs.set(identifier, needs);
    const known = this.sources.get(identifier) ?? new Map();
    for (const [url, has] of Object.entries(sources)) known.set(url, has);
    this.sources.set(identifier, known);
  }

  /** When the fetches of an identifier began, in seconds from the beginning. */
  startTimes(identifier: string): number[] {
    return this.starts.filter((start) => start.identifier === identifier).map(({ at }) => at / 1000);
  }

  /** Fetches under way at a domain. */
  inFlight(domain: string): number {
    let count = 0;
    for (const start of this.underWay) if (start.domain === domain) count++;
    return count;
  }

  readonly context: SyncContext<string> = {
    hasPending: (identifier) => this.#look((this.needs.get(identifier)?.size ?? 0) > 0),
    neededItems: (identifier) => this.#look([...(this.needs.get(identifier) ?? [])]),
    sources: (identifier) => this.#look([...(this.sources.get(identifier)?.keys() ?? [])]),
    fetch: (identifier, source, items, signal) => this.#fetch(identifier, source, items, signal),
    process: async (identifier, items) => {
      this.clock.activity++;
      this.processed.push({ at: this.clock.elapsed, identifier, items });
      for (const item of items) this.needs.get(identifier)?.delete(item);
    },
  };

  readonly log: Log = {
    debug: (message, fields = {}) => this.onLog("debug", message, fields),
    info: (message, fields = {}) => this.onLog("info", message, fields),
    warn: (message, fields = {}) => this.onLog("warn", message, fields),
    error: (message, fields = {}) => this.onLog("error", message, fields),
  };

  onLog(level: string, message: string, fields: Record<string, unknown>): void {
    this.logged.push({ level, message, fields });
  }

  readonly metrics: Metrics = {
    count: (name, labels = {}, by = 1) => {
      const key = seriesName(name, labels);
      this.counts.set(key, (this.counts.get(key) ?? 0) + by);
    },
    gauge: (name, value, labels = {}) => {
      this.gauges.set(seriesName(name, labels), value);
    },
    observe: (name, value) => {
      this.observed.set(name, [...(this.observed.get(name) ?? []), value]);
    },
  };

  /** An answer that is out of date by the time it arrives. */
  async #look<T>(answer: T): Promise<T> {
    this.clock.activity++;
    const { lookMs } = this.options;
    if (lookMs) await this.#pause(lookMs);
    return answer;
  }

  async #pause(ms: number): Promise<void> {
    this.pendingAnswers++;
    await new Promise<void>((resolve) => {
      this.clock.after(ms, () => {
        this.clock.activity++;
        this.pendingAnswers--;
        resolve();
      });
    });
  }

  #fetch(
    identifier: string,
    source: string,
    items: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const domain = domainOf(source)!;
    const start: Start = { at: this.clock.elapsed, identifier, source, domain, items };
    this.starts.push(start);
    this.underWay.add(start);
    this.clock.activity++;
    this.options.onStart?.(start);
    const behaviour = this.behaviours.get(domain) ?? { kind: "serves", latencyMs: 10 };
    return new Promise((resolve, reject) => {
      const end = (how: End) => {
        this.clock.activity++;
        if (!this.underWay.delete(start)) return;
        this.options.onEnd?.(start, how);
      };
      signal.addEventListener("abort", () => {
        if (behaviour.kind === "ignores the signal") {
          this.clock.after(ABORT_GRACE_MS, () => end("aborted"));
        } else {
          end("aborted");
          reject(signal.reason);
        }
      });
      const settle = (how: End, act: () => void) => {
        end(how);
        act();
      };
      switch (behaviour.kind) {
        case "serves":
          this.clock.after(behaviour.latencyMs, () => {
            const has = this.sources.get(identifier)?.get(source) ?? [];
            settle("served", () => resolve(items.filter((item) => has.includes(item))));
          });
          return;
        case "fails":
          this.clock.after(behaviour.latencyMs, () => settle("failed", () => reject(new Error("it fails"))));
          return;
        case "limits":
          this.clock.after(behaviour.latencyMs, () =>
            settle("limited", () => reject(new this.code.RateLimited(behaviour.retryAfterMs))),
          );
          return;
        default:
      }
    });
  }
}

function seriesName(name: string, labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}
