import type { DomainLimits, FetchOrigin, SyncEvent } from "../../../../runtime/sync/index.ts";
import {
  ABORT_GRACE_MS,
  MAX_PROLONGED_MS,
  PROLONG_EVERY_MS,
  WINDOW_MS,
} from "../../../../runtime/sync/schedule.ts";
import { BrokenPromise, type PromiseName } from "./broken-promise.ts";
import { DomainRecord, type Moment } from "./domain-record.ts";
import type { End, Harness, Start } from "./harness.ts";

/** One identifier that may be fetched. */
interface Admitted {
  /** When it last arrived. */
  steady: number;
  /** When one of its fetches last made progress. */
  progressAt: number;
}

/** What the invariants need to know of the engine's options. */
export interface WatchedOptions {
  limitsOf: (domain: string) => DomainLimits;
  maxConcurrentTotal: number;
  idleTimeoutMs: number;
  totalTimeoutMs: number;
  lookTimeoutMs: number;
  expiryMs: number;
  /** Whether the engine's lease of an identifier is in the store; `null`: it takes none. */
  holdsLease: ((identifier: string) => boolean) | null;
}

/**
 * Watches an engine from outside and throws at the first step after one of its promises is broken. It knows the fetches that
 * start and end, and the engine's events.
 */
export class Invariants {
  readonly #harness: Harness;
  readonly #options: WatchedOptions;
  readonly #domains = new Map<string, DomainRecord>();
  /** Identifiers that may be fetched. */
  readonly admitted = new Map<string, Admitted>();
  /** Identifiers with an attempt of the main path, and when it last fetched. */
  readonly #attempts = new Map<string, number>();
  /** Identifiers in `tryNow`, and the number of calls. */
  readonly #trying = new Map<string, number>();
  /** When each running fetch last made progress. */
  readonly #progress = new Map<Start, Moment>();
  /** Until when each source is set aside, by identifier and URL; infinite: until the next fresh start. */
  readonly #setAside = new Map<string, Map<string, number>>();
  /** Number of fetches that ended. */
  ended = 0;
  #forward = 0;
  /** What the service ends now. */
  #ending: string | null = null;
  #broken: BrokenPromise | null = null;
  /** Whether the wall time was ever set back: no clock can know what passed just before, so openings may be late. */
  #wentBack = false;
  readonly #trace: { elapsed: number; text: string; fields?: Record<string, unknown> }[] = [];

  constructor(harness: Harness, options: WatchedOptions) {
    this.#harness = harness;
    this.#options = options;
  }

  /** Throws if a promise was broken since. Where that is noticed, the engine might catch it. */
  check(): void {
    if (this.#broken !== null) throw this.#broken;
  }

  note(text: string, fields?: object): void {
    this.#trace.push({
      elapsed: this.#harness.clock.elapsed,
      text,
      fields: fields as Record<string, unknown>,
    });
  }

  /** What happened, one line each. */
  trace(): string {
    return this.#trace
      .map(({ elapsed, text, fields }) => {
        const facts = Object.entries(fields ?? {}).map(([key, value]) => `${key}=${textOf(value)}`);
        return `${(elapsed / 1000).toFixed(3).padStart(9)}  ${[text, ...facts].join(" ")}`;
      })
      .join("\n");
  }

  jumped(ms: number): void {
    if (ms > 0) this.#forward += ms;
    else this.#wentBack = true;
  }

  arrived(identifier: string): void {
    const progressAt = this.admitted.get(identifier)?.progressAt ?? Number.NEGATIVE_INFINITY;
    this.admitted.set(identifier, { steady: this.steady, progressAt });
    this.#freshStart(identifier);
  }

  /** An identifier is not waited for any more; an attempt under way may end later. */
  forget(identifier: string): void {
    this.admitted.delete(identifier);
    this.#attempts.delete(identifier);
    this.#freshStart(identifier);
  }

  dropped(identifier: string): void {
    this.forget(identifier);
    this.#setAside.delete(identifier);
  }

  /** The service ends an identifier: it may expire now. */
  ends(identifier: string, work: () => void): void {
    this.forget(identifier);
    this.#ending = identifier;
    work();
    this.#ending = null;
  }

  /** An identifier is in `tryNow`. */
  tried(identifier: string, trial: Promise<unknown>): void {
    this.#trying.set(identifier, (this.#trying.get(identifier) ?? 0) + 1);
    void trial.then((result) => {
      this.note("tried now", { identifier, result });
      const left = this.#trying.get(identifier)! - 1;
      if (left > 0) this.#trying.set(identifier, left);
      else this.#trying.delete(identifier);
    });
  }

  /** Time on a clock that only goes forward. */
  get steady(): number {
    return this.#harness.clock.elapsed + this.#forward;
  }

  get #now(): Moment {
    return { elapsed: this.#harness.clock.elapsed, steady: this.steady };
  }

  onStart(start: Start): void {
    this.note(`fetch starts: ${start.identifier} from ${start.source}`);
    const { identifier } = start;
    const domain = this.#domain(start.domain);
    const limits = this.#options.limitsOf(start.domain);
    const known = this.admitted.has(identifier) || this.#trying.has(identifier);
    this.#demand(known, "only admitted", start);
    for (const other of domain.inFlight) {
      this.#demand(other.identifier !== identifier, "one fetch of an identifier per domain", start);
    }
    domain.inFlight.add(start);
    this.#progress.set(start, this.#now);
    this.#demand(domain.inFlight.size <= limits.maxConcurrent, "maxConcurrent", start);
    const total = this.#harness.underWay.size;
    this.#demand(total <= this.#options.maxConcurrentTotal, "maxConcurrentTotal", start);
    this.onAnotherStart(start);
    const until = Math.max(domain.restsUntil.steady, domain.askedUntil.steady);
    this.#demand(this.steady >= until, "rest", start);
    if (domain.onProbation) {
      const others = [...domain.inFlight].filter((other) => !domain.begunBefore.has(other));
      this.#demand(others.length <= 1, "one probe", start);
    }
    const asideUntil = this.#setAside.get(identifier)?.get(start.source) ?? 0;
    this.#demand(this.steady >= asideUntil, "set aside", start);
  }

  /** A request is sent: the first of a fetch, or one more. */
  onAnotherStart(start: Start): void {
    const domain = this.#domain(start.domain);
    const { maxPerMinute } = this.#options.limitsOf(start.domain);
    domain.starts.push(this.steady);
    const inWindow = domain.starts.filter((at) => at > this.steady - WINDOW_MS).length;
    this.#demand(inWindow <= maxPerMinute, "maxPerMinute", start);
  }

  onProgress(start: Start): void {
    this.#progress.set(start, this.#now);
    const admitted = this.admitted.get(start.identifier);
    if (admitted !== undefined) admitted.progressAt = this.steady;
  }

  onEnd(start: Start, end: End, reason?: unknown): void {
    this.note(`fetch ends: ${start.identifier} from ${start.source}: ${end}`);
    this.ended++;
    const domain = this.#domain(start.domain);
    domain.inFlight.delete(start);
    if (reason instanceof Error && reason.name === "TimeoutError") {
      const idleMs = this.steady - this.#progress.get(start)!.steady;
      const { idleTimeoutMs, totalTimeoutMs } = this.#options;
      const inTime = idleMs < idleTimeoutMs && this.#harness.clock.elapsed - start.at < totalTimeoutMs;
      this.#demand(!inTime, "no early timeout", start);
    }
    this.#progress.delete(start);
    // A fetch that takes no time is under way at no step, and its attempt goes on.
    if (this.#attempts.has(start.identifier)) {
      this.#attempts.set(start.identifier, this.#harness.clock.elapsed);
    }
    if (end !== "served") return;
    domain.onProbation = false;
    domain.restsUntil = { elapsed: 0, steady: 0 };
  }

  onProcess(identifier: string, items: readonly string[], { source, receipt }: FetchOrigin<Start>): void {
    const same =
      receipt?.identifier === identifier &&
      receipt.source === source.url &&
      items.every((item) => receipt.items.includes(item));
    this.#demand(same, "receipt", identifier);
  }

  onEvent(event: SyncEvent): void {
    if (event.kind === "checkpoint") return;
    const { kind, ...facts } = event;
    this.note(kind, facts);
    const domain = this.#domain("domain" in event ? event.domain : "");
    switch (event.kind) {
      case "domain-joined":
      case "domain-requeued":
        domain.queued(event.identifier);
        break;
      case "domain-turn":
        for (const { other, turns } of domain.turn(event.identifier)) {
          this.#demand(turns <= 1, "fairness", `${other} saw ${turns} turns of ${event.identifier}`);
        }
        break;
      case "domain-place-kept":
        domain.placeKept(event.identifier);
        break;
      case "domain-parked":
        domain.park(event.identifier);
        break;
      case "domain-left":
        domain.left(event.identifier);
        break;
      case "domain-rested":
        domain.rested(event, this.#now);
        break;
      case "attempt-started":
        this.#demand(!this.#attempts.has(event.identifier), "one attempt", event.identifier);
        this.#attempts.set(event.identifier, this.#harness.clock.elapsed);
        break;
      case "attempt-ended":
        this.#attempts.delete(event.identifier);
        break;
      case "try-ended":
        if (!this.admitted.has(event.identifier)) this.#freshStart(event.identifier);
        break;
      case "source-set-aside": {
        const until = event.forMs === null ? Number.POSITIVE_INFINITY : this.steady + event.forMs;
        const sources = this.#setAside.get(event.identifier) ?? new Map<string, number>();
        this.#setAside.set(event.identifier, sources.set(event.source.url, until));
        break;
      }
      case "completed":
        this.#complete(event.identifier);
        this.forget(event.identifier);
        break;
      case "expired":
        this.#expired(event.identifier);
        this.forget(event.identifier);
        break;
      default:
    }
  }

  /** After every step, when everything that could settle has settled. */
  afterStep(): void {
    this.#nobodyWaitsInVain();
    this.#fetchesEndInTime();
    this.#lookUpsEndInTime();
    this.#leasesAreHeld();
    const [key] = this.#harness.foreignKeys;
    this.#demand(key === undefined, "key prefix", key ?? "");
    this.check();
  }

  #nobodyWaitsInVain(): void {
    const { elapsed } = this.#harness.clock;
    if (this.#harness.pendingAnswers > 0 || this.#wentBack) return;
    if (this.#harness.underWay.size >= this.#options.maxConcurrentTotal) return;
    for (const [name, domain] of this.#domains) {
      for (const parked of domain.parked.keys()) {
        const isFetched = [...domain.inFlight].some(({ identifier }) => identifier === parked);
        this.#demand(isFetched, "wake-up", name);
      }
      const until = Math.max(domain.restsUntil.elapsed, domain.askedUntil.elapsed);
      if (domain.waiting.size === 0 || elapsed < until) continue;
      const limits = this.#options.limitsOf(name);
      const bound = domain.onProbation ? Math.min(1, limits.maxConcurrent) : limits.maxConcurrent;
      // A limiter that takes its time says how long to wait, but not since when.
      const since = elapsed - WINDOW_MS - (this.#harness.options.limiterMs ?? 0);
      const inWindow = this.#harness.takes.filter((take) => take.domain === name && take.at > since).length;
      const idle = domain.inFlight.size < bound && inWindow < limits.maxPerMinute;
      this.#demand(!idle, "wake-up", name);
    }
  }

  #fetchesEndInTime(): void {
    if (this.#wentBack) return;
    const { elapsed } = this.#harness.clock;
    const { idleTimeoutMs, totalTimeoutMs } = this.#options;
    const graceMs = this.#harness.options.abortGraceMs ?? ABORT_GRACE_MS;
    for (const [start, progress] of this.#progress) {
      const idle = elapsed - progress.elapsed <= idleTimeoutMs + graceMs;
      this.#demand(idle && elapsed - start.at <= totalTimeoutMs + graceMs, "fetch ends in time", start);
    }
  }

  #lookUpsEndInTime(): void {
    // After each domain that a slow limiter refuses, the context is asked again.
    const lookUps = 1 + this.#domains.size;
    const bound = lookUps * (this.#options.lookTimeoutMs + (this.#harness.options.limiterMs ?? 0));
    for (const [identifier, since] of this.#attempts) {
      const isFetched = [...this.#progress.keys()].some((start) => start.identifier === identifier);
      if (isFetched) this.#attempts.set(identifier, this.#harness.clock.elapsed);
      const waited = this.#harness.clock.elapsed - since;
      this.#demand(isFetched || waited <= bound, "look-up ends in time", identifier);
    }
  }

  #leasesAreHeld(): void {
    const { holdsLease } = this.#options;
    // The store's leases end by the wall time, which the renewals cannot follow when it is set.
    if (holdsLease === null || this.#wentBack || this.#forward > 0) return;
    for (const start of this.#progress.keys()) {
      this.#demand(holdsLease(start.identifier), "lease held", start);
    }
  }

  /** The engine stopped. */
  stopped(): void {
    this.#demand(this.#harness.engineClock.timers === 0, "no timer left", "engine");
    this.check();
    this.#attempts.clear();
    // What was set aside is not in the snapshot.
    this.#setAside.clear();
    for (const domain of this.#domains.values()) domain.empty();
  }

  /** Whether a source is set aside until the next fresh start. */
  waitsForFreshStart(identifier: string, url: string): boolean {
    return this.#setAside.get(identifier)?.get(url) === Number.POSITIVE_INFINITY;
  }

  #freshStart(identifier: string): void {
    const sources = this.#setAside.get(identifier);
    for (const [url, until] of sources ?? []) {
      if (until === Number.POSITIVE_INFINITY) sources!.delete(url);
    }
  }

  #complete(identifier: string): void {
    const needs = this.#harness.needs.get(identifier)?.size ?? 0;
    // In `tryNow` an identifier may come to need more without an arrival in the queue.
    const known = needs === 0 || this.#trying.has(identifier);
    this.#demand(known, "complete", identifier);
  }

  #expired(identifier: string): void {
    if (identifier === this.#ending) return;
    const { expiryMs } = this.#options;
    const { steady, progressAt } = this.admitted.get(identifier) ?? { steady: 0, progressAt: 0 };
    const waited = this.steady - steady;
    this.#demand(waited >= expiryMs, "no early expiry", identifier);
    const isKept = this.steady - progressAt < expiryMs - PROLONG_EVERY_MS && waited < MAX_PROLONGED_MS;
    this.#demand(!isKept, "progress keeps", identifier);
  }

  #demand(holds: boolean, promise: PromiseName, what: Start | string): void {
    if (holds) return;
    const where = typeof what === "string" ? what : `${what.identifier} at ${what.source}`;
    this.note(`BROKEN: ${promise}: ${where}`);
    this.#broken ??= new BrokenPromise(promise, `${where}, at ${this.#harness.clock.elapsed} ms`);
  }

  #domain(name: string): DomainRecord {
    let domain = this.#domains.get(name);
    if (domain === undefined) {
      domain = new DomainRecord();
      this.#domains.set(name, domain);
    }
    return domain;
  }
}

function textOf(value: unknown): string | undefined {
  return value instanceof Error ? value.message : JSON.stringify(value);
}
