import type { Clock, RateLimiter } from "../platform.ts";
import { Domain, type DomainOwner } from "./domain.ts";
import type { SyncListener } from "./events.ts";
import type { DomainView } from "./options.ts";
import { IdentifierState, type Permit, type Waiter } from "./permit.ts";
import { DEFAULT_LIMITS, type DomainLimits, MAX_REMEMBERED_DOMAINS } from "./schedule.ts";
import type { RestingDomain } from "./snapshot.ts";
import { TimeHeap } from "./time-heap.ts";
import { TotalCapacity } from "./total-capacity.ts";

/** What {@link Domains} needs. */
export interface DomainsOptions {
  clock: Clock;
  limiter: RateLimiter;
  emit: SyncListener | undefined;
  keyPrefix: string;
  maxConcurrentTotal: number | undefined;
  limits: Partial<DomainLimits> | undefined;
  limitsFor: ((domain: string) => Partial<DomainLimits> | undefined) | undefined;
  goesLast: ((identifier: string) => boolean) | undefined;
  onTurn: (waiter: Waiter, permit: Permit) => void;
}

/** The domains and identifiers of one engine that are busy, queued, or remembered because they are closed or fail. */
export class Domains implements DomainOwner {
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  readonly emit: SyncListener | undefined;
  readonly keyPrefix: string;
  readonly capacity: TotalCapacity | null;
  readonly onTurn: (waiter: Waiter, permit: Permit) => void;
  isClosed = false;
  readonly #defaults: DomainLimits;
  readonly #limitsFor: DomainsOptions["limitsFor"];
  readonly #goesLast: DomainsOptions["goesLast"];
  readonly #domains = new Map<string, Domain>();
  readonly #states = new Map<string, IdentifierState>();
  /** Idle domains whose state is kept, by when it may be forgotten. */
  readonly #remembered = new TimeHeap<Domain>();

  constructor(options: DomainsOptions) {
    this.clock = options.clock;
    this.limiter = options.limiter;
    this.emit = options.emit;
    this.keyPrefix = options.keyPrefix;
    this.onTurn = options.onTurn;
    const { maxConcurrentTotal } = options;
    this.capacity = maxConcurrentTotal === undefined ? null : new TotalCapacity(maxConcurrentTotal);
    this.#defaults = {
      maxConcurrent: options.limits?.maxConcurrent ?? DEFAULT_LIMITS.maxConcurrent,
      maxPerMinute: options.limits?.maxPerMinute ?? DEFAULT_LIMITS.maxPerMinute,
    };
    this.#limitsFor = options.limitsFor;
    this.#goesLast = options.goesLast;
  }

  /** The state of all domains, as plain data. */
  views(): DomainView[] {
    const now = this.clock.now();
    return [...this.#domains.values()].map(
      ({ name, permits, choosing, waiting, window, health, opensAt }) => ({
        domain: name,
        ...this.limitsOf(name),
        inFlight: permits - choosing,
        waiting,
        remaining: Number.isFinite(window.remaining) ? window.remaining : null,
        opensInMs: Math.max(0, opensAt - now),
        failures: health.failures,
        rests: health.rests,
      }),
    );
  }

  limitsOf(domain: string): DomainLimits {
    const own = this.#limitsFor?.(domain);
    if (own === undefined) return this.#defaults;
    return {
      maxConcurrent: own.maxConcurrent ?? this.#defaults.maxConcurrent,
      maxPerMinute: own.maxPerMinute ?? this.#defaults.maxPerMinute,
    };
  }

  /**
   * Takes room for an identifier outside the queue, if the queue is empty.
   * @returns `null`: the domain is full, closed, or fetches this identifier already.
   */
  reserve(domainName: string, identifier: string): Permit | null {
    if (this.isClosed) return null;
    const domain = this.#use(domainName);
    if (domain.hasRoomForNewcomer(this.#isLast(identifier))) {
      const state = this.#state(identifier);
      if (!state.isFetchedFrom(domain)) return domain.issue(state, null);
    }
    this.#tidyDomain(domain);
    return null;
  }

  /** Adds an identifier to a domain's queue. @param tried keys of sources that need not be tried again. */
  join(identifier: string, domainName: string, tried: ReadonlySet<string>): void {
    if (!this.isClosed) this.#use(domainName).join(this.#state(identifier), tried);
  }

  /** Removes an identifier from every queue. Running fetches continue. */
  leaveAll(identifier: string): void {
    const state = this.#states.get(identifier);
    if (state === undefined) return;
    for (const waiter of [...state.waiters.values()]) waiter.domain.remove(waiter);
  }

  /** Aborts an identifier's fetches, started or not. */
  abort(identifier: string, reason: Error): void {
    this.#states.get(identifier)?.abort(reason);
  }

  abortAll(reason: Error): void {
    for (const state of [...this.#states.values()]) state.abort(reason);
  }

  limitsChanged(domain: string): void {
    this.#domains.get(domain)?.limitsChanged();
  }

  /** Gives no more permits or turns, empties every queue, and leaves no timer. */
  close(): void {
    this.isClosed = true;
    for (const identifier of [...this.#states.keys()]) this.leaveAll(identifier);
  }

  /** Undoes {@link close}. The state of the domains is kept. */
  open(): void {
    this.isClosed = false;
  }

  /** Forgets idle domains whose state need not be kept any longer. */
  sweep(): void {
    const now = this.clock.now();
    for (;;) {
      const isOver = this.#remembered.size > MAX_REMEMBERED_DOMAINS;
      const oldest = isOver ? this.#remembered.peek() : this.#remembered.peekDue(now);
      if (oldest === undefined) return;
      this.#remembered.remove(oldest);
      this.#domains.delete(oldest.name);
    }
  }

  /** The resting domains, as plain data. */
  resting(): RestingDomain[] {
    const now = this.clock.now();
    const resting: RestingDomain[] = [];
    for (const { name, health } of this.#domains.values()) {
      const { rests, restsUntil, askedUntil } = health;
      if (rests === 0 && askedUntil <= now) continue;
      const restMs = Math.max(0, restsUntil - now);
      resting.push({ domain: name, rests, restMs, askedMs: Math.max(0, askedUntil - now) });
    }
    return resting;
  }

  /** Continues a domain's rest. */
  restore({ domain: name, rests, restMs, askedMs }: RestingDomain): void {
    const now = this.clock.now();
    const domain = this.#use(name);
    domain.health.restore(rests, now + restMs, now + askedMs);
    this.#tidyDomain(domain);
  }

  tidy(domain: Domain, state: IdentifierState): void {
    if (state.isIdle) this.#states.delete(state.identifier);
    this.#tidyDomain(domain);
  }

  /** Forgets an idle domain: now, or later if it fails or asked for a rest. The window is the limiter's. */
  #tidyDomain(domain: Domain): void {
    if (domain.permits > 0 || domain.waiting > 0) return;
    const until = domain.health.rememberUntil(domain.opensAt, domain.settledAt);
    if (until > this.clock.now()) {
      this.#remembered.set(domain, until);
      this.sweep();
    } else {
      this.#domains.delete(domain.name);
    }
  }

  /** The domain of that name, created if needed. Callers must use it or call `#tidyDomain`. */
  #use(name: string): Domain {
    const known = this.#domains.get(name);
    if (known !== undefined) {
      this.#remembered.remove(known);
      return known;
    }
    const domain = new Domain(name, this);
    this.#domains.set(name, domain);
    return domain;
  }

  #isLast(identifier: string): boolean {
    return this.#states.get(identifier)?.isLast ?? this.#goesLast?.(identifier) ?? false;
  }

  #state(identifier: string): IdentifierState {
    let state = this.#states.get(identifier);
    if (state === undefined) {
      state = new IdentifierState(identifier, this.#isLast(identifier));
      this.#states.set(identifier, state);
    }
    return state;
  }
}
