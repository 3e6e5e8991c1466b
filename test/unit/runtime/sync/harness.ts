import type { Metrics, RateLimiter, TakeResult } from "../../../../runtime/platform.ts";
import type {
  FetchCall,
  Fetched,
  FetchOrigin,
  monotonicClock,
  RateLimited,
  Source,
  SourceUnusable,
  SyncContext,
  SyncEngine,
  SyncEngineOptions,
  SyncEvent,
} from "../../../../runtime/sync/index.ts";
import { combineListeners, domainOf, metricsListener } from "../../../../runtime/sync/index.ts";
import { ABORT_GRACE_MS } from "../../../../runtime/sync/schedule.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The engine's code, so that the same harness can run a damaged copy of it. */
export interface EngineModule {
  SyncEngine: typeof SyncEngine<string, string, Start>;
  RateLimited: typeof RateLimited;
  SourceUnusable: typeof SourceUnusable;
  monotonicClock: typeof monotonicClock;
}

/** How a server behaves. */
export type ServerBehaviour =
  | { kind: "serves"; latencyMs: number }
  | { kind: "fails"; latencyMs: number }
  | { kind: "hangs" }
  | { kind: "ignores the signal" }
  | { kind: "limits"; latencyMs: number; retryAfterMs: number | null }
  /** Sends something every so often, and serves after so many times. */
  | { kind: "streams"; everyMs: number; times: number }
  | { kind: "refuses the source"; latencyMs: number; forMs: number | null }
  /** Needs so many more requests before it serves. */
  | { kind: "needs more requests"; latencyMs: number; more: number };

/** A fetch as the harness saw it start. */
export interface Start {
  at: number;
  identifier: string;
  /** The URL. */
  source: string;
  domain: string;
  items: readonly string[];
}

/** How a fetch ended, as far as the harness can tell. */
export type End = "served" | "failed" | "limited" | "unusable" | "aborted";

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

/** Options of a harness: the engine's, and these. */
export interface HarnessOptions extends Partial<SyncEngineOptions<string, string, Start>> {
  /** In place of the harness's own metrics. */
  metrics?: Metrics;
  metricsPrefix?: string;
  /** Milliseconds that each question to the context takes. */
  lookMs?: number;
  /** Milliseconds that the limiter takes to answer; left out: it answers synchronously. */
  limiterMs?: number | undefined;
  /** Called when a fetch starts, sends one more request, receives something, and ends. */
  onStart?: (start: Start) => void;
  onAnotherStart?: (start: Start) => void;
  onProgress?: (start: Start) => void;
  onEnd?: (start: Start, end: End, reason?: unknown) => void;
  onProcess?: (identifier: string, items: readonly string[], origin: FetchOrigin<Start>) => void;
}

/**
 * An engine in virtual time, with servers that behave as they are told. Which items an identifier needs and which URL has
 * which items are plain maps.
 */
export class Harness {
  readonly clock = new VirtualClock();
  readonly engineClock = this.clock.view();
  readonly code: EngineModule;
  readonly options: HarnessOptions;
  /** What each identifier still needs. */
  readonly needs = new Map<string, Set<string>>();
  /** Where each identifier may look, and what is there. */
  readonly sources = new Map<string, Map<string, readonly string[]>>();
  /** How each domain behaves; one that is not named serves within 10 ms. */
  readonly behaviours = new Map<string, ServerBehaviour>();
  readonly starts: Start[] = [];
  /** What the limiter admitted. */
  readonly takes: { at: number; domain: string }[] = [];
  /** Keys that the limiter was asked for without the engine's prefix. */
  readonly foreignKeys: string[] = [];
  readonly underWay = new Set<Start>();
  /** Questions to the context or the limiter that are not answered yet. */
  pendingAnswers = 0;
  /** Each call of `process`. */
  readonly processed: { at: number; identifier: string; items: readonly string[] }[] = [];
  /** Each call of `onProlonged`. */
  readonly prolonged: { at: number; identifier: string; forMs: number }[] = [];
  readonly events: SyncEvent[] = [];
  readonly counts = new Map<string, number>();
  readonly gauges = new Map<string, number>();
  readonly limiter: RateLimiter;
  engine: SyncEngine<string, string, Start>;

  constructor(code: EngineModule, options: HarnessOptions = {}) {
    this.code = code;
    this.options = options;
    const limiterClock = code.monotonicClock(this.clock);
    const limiter = options.limiter ?? plainLimiter(() => limiterClock.now());
    const prefix = `${options.keyPrefix ?? ""}sync:`;
    const take: RateLimiter["take"] = (key, rate) => {
      const taken = limiter.take(key, rate) as TakeResult;
      if (!key.startsWith(prefix)) this.foreignKeys.push(key);
      if (taken.admitted) this.takes.push({ at: this.clock.elapsed, domain: key.slice(prefix.length) });
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

  newEngine(): SyncEngine<string, string, Start> {
    const { metrics = this.metrics, metricsPrefix: prefix = "" } = this.options;
    return new this.code.SyncEngine({
      clock: this.engineClock,
      ...this.options,
      onEvent: combineListeners(
        (event) => {
          // All else that happens follows from an event, or from an answer of the harness.
          if (event.kind !== "checkpoint") this.clock.activity++;
          this.onEvent(event);
        },
        metricsListener(metrics, { prefix }),
      ),
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

  /** When the fetches of an identifier started, in seconds from the beginning. */
  startTimes(identifier: string): number[] {
    return this.starts.filter((start) => start.identifier === identifier).map(({ at }) => at / 1000);
  }

  /** Number of fetches under way at a domain. */
  inFlight(domain: string): number {
    let count = 0;
    for (const start of this.underWay) if (start.domain === domain) count++;
    return count;
  }

  /** The events of one kind so far. */
  eventsOf<K extends SyncEvent["kind"]>(kind: K): Extract<SyncEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<SyncEvent, { kind: K }> => event.kind === kind);
  }

  readonly context: SyncContext<string, string, Start> = {
    hasPending: (identifier) => this.#look((this.needs.get(identifier)?.size ?? 0) > 0),
    neededItems: (identifier) => this.#look([...(this.needs.get(identifier) ?? [])]),
    sources: (identifier) =>
      this.#look([...(this.sources.get(identifier)?.keys() ?? [])].map((url) => ({ url, key: url }))),
    fetch: (identifier, source, items, call) => this.#fetch(identifier, source, items, call),
    process: async (identifier, items, origin) => {
      this.clock.activity++;
      this.processed.push({ at: this.clock.elapsed, identifier, items });
      this.options.onProcess?.(identifier, items, origin);
      for (const item of items) this.needs.get(identifier)?.delete(item);
    },
    onProlonged: (identifier, forMs) => {
      this.prolonged.push({ at: this.clock.elapsed, identifier, forMs });
    },
  };

  onEvent(event: SyncEvent): void {
    this.events.push(event);
  }

  readonly metrics: Metrics = {
    count: (name, labels = {}, by = 1) => {
      const key = seriesName(name, labels);
      this.counts.set(key, (this.counts.get(key) ?? 0) + by);
    },
    gauge: (name, value, labels = {}) => {
      this.gauges.set(seriesName(name, labels), value);
    },
    observe: () => {},
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
    { url }: Source,
    items: readonly string[],
    call: FetchCall,
  ): Promise<Fetched<string, Start>> {
    const domain = domainOf(url)!;
    const start: Start = { at: this.clock.elapsed, identifier, source: url, domain, items };
    this.starts.push(start);
    this.underWay.add(start);
    this.clock.activity++;
    this.options.onStart?.(start);
    const behaviour = this.behaviours.get(domain) ?? { kind: "serves", latencyMs: 10 };
    const { signal } = call;
    return new Promise((resolve, reject) => {
      const end = (how: End, reason?: unknown) => {
        this.clock.activity++;
        if (!this.underWay.delete(start)) return;
        this.options.onEnd?.(start, how, reason);
      };
      signal.addEventListener("abort", () => {
        if (behaviour.kind === "ignores the signal") {
          const graceMs = this.options.abortGraceMs ?? ABORT_GRACE_MS;
          this.clock.after(graceMs, () => end("aborted", signal.reason));
        } else {
          end("aborted", signal.reason);
          reject(signal.reason);
        }
      });
      const fail = (how: End, error: Error) => {
        end(how);
        reject(error);
      };
      const serve = () => {
        const has = this.sources.get(identifier)?.get(url) ?? [];
        end("served");
        resolve({ items: items.filter((item) => has.includes(item)), receipt: start });
      };
      const after = (ms: number, act: () => void) => {
        this.clock.after(ms, () => {
          this.clock.activity++;
          act();
        });
      };
      switch (behaviour.kind) {
        case "serves":
          return after(behaviour.latencyMs, serve);
        case "fails":
          return after(behaviour.latencyMs, () => fail("failed", new Error("it fails")));
        case "limits": {
          const { latencyMs, retryAfterMs } = behaviour;
          return after(latencyMs, () => fail("limited", new this.code.RateLimited(retryAfterMs)));
        }
        case "refuses the source": {
          const { latencyMs, forMs } = behaviour;
          return after(latencyMs, () => fail("unusable", new this.code.SourceUnusable("not here", forMs)));
        }
        case "streams": {
          const stream = (left: number) => {
            if (left === 0) return serve();
            after(behaviour.everyMs, () => {
              if (!this.underWay.has(start)) return;
              this.options.onProgress?.(start);
              call.onProgress();
              stream(left - 1);
            });
          };
          return stream(behaviour.times);
        }
        case "needs more requests": {
          const ask = async (left: number) => {
            if (left === 0) return after(behaviour.latencyMs, serve);
            if (!(await call.anotherStart())) return after(0, () => fail("failed", new Error("no room")));
            this.clock.activity++;
            if (!this.underWay.has(start)) return;
            this.options.onAnotherStart?.(start);
            after(behaviour.latencyMs, () => void ask(left - 1));
          };
          return void ask(behaviour.more);
        }
        default:
      }
    });
  }
}

function seriesName(name: string, labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}
