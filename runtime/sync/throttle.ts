import { isPending } from "../lib/within.ts";
import type { Clock, Log, RateLimiter, TakeResult } from "../platform.ts";
import {
  type Domain,
  hasRoom,
  learn,
  letGo,
  mayBegin,
  newDomain,
  type Outcome,
  opensAt,
  rememberUntil,
  type Slot,
  type Subject,
  type Waiter,
} from "./domain.ts";
import { DEFAULT_LIMITS, type DomainLimits, WINDOW_MS } from "./schedule.ts";
import { logName, type Telemetry } from "./telemetry.ts";
import { TimeHeap } from "./time-heap.ts";

/** Of so many idle domains it is remembered that they are closed or fail. */
const MAX_REMEMBERED = 10_000;
/** How long a domain is left alone when the rate limiter itself cannot be asked. */
const LIMITER_DOWN_MS = 1_000;

/** What a {@link Throttle} needs. */
export interface ThrottleOptions {
  clock: Clock;
  limiter: RateLimiter;
  log: Log;
  telemetry: Telemetry;
  /** What a domain bears unless `limitsFor` knows better. */
  limits?: Partial<DomainLimits>;
  /** What this domain bears; asked at every decision, so it should be a look-up in memory. */
  limitsFor?: (domain: string) => Partial<DomainLimits> | undefined;
  /**
   * It is this identifier's turn on its domain, and the slot is held for it. Whoever is called gives the slot back and
   * then says what becomes of the waiter: `rejoin`, `putBack` or `leave`.
   */
  onTurn: (waiter: Waiter, slot: Slot) => void;
}

/** A resting domain, as plain data. */
export interface RestingDomain {
  domain: string;
  /** Rests in a row because of failures; 0 if it only asked for fewer requests. */
  rests: number;
  /** What is left of the rest because of failures, in milliseconds. */
  restMs: number;
  /** What is left of the rest that the server asked for, in milliseconds. */
  askedMs: number;
}

/**
 * Decides when a domain may be asked and whose turn it is. Capacity is taken when a source is chosen, not when the fetch
 * begins. Nothing polls: a turn is given when an identifier joins, when a slot comes back, and when a closed domain
 * opens, for which each closed domain with a queue has one timer.
 */
export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #domains = new Map<string, Domain>();
  readonly #subjects = new Map<string, Subject>();
  /** Idle domains that are remembered, by when they may be forgotten. */
  readonly #remembered = new TimeHeap<Domain>();
  #closed = false;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /** Domains that are busy, waited for, or remembered. */
  domains(): Iterable<Domain> {
    return this.#domains.values();
  }

  /** What this domain bears now. */
  limitsOf(domain: string): DomainLimits {
    const own = this.#options.limitsFor?.(domain);
    const all = this.#options.limits;
    return {
      maxConcurrent: own?.maxConcurrent ?? all?.maxConcurrent ?? DEFAULT_LIMITS.maxConcurrent,
      maxPerMinute: own?.maxPerMinute ?? all?.maxPerMinute ?? DEFAULT_LIMITS.maxPerMinute,
    };
  }

  /**
   * Takes room for a newcomer, if the domain has any that nobody waits for.
   * @returns the slot, or `null`: full, closed, or busy with this very identifier.
   */
  reserve(domainName: string, identifier: string): Slot | null {
    if (this.#closed) return null;
    const domain = this.#use(domainName);
    if (domain.ring.isEmpty && this.#hasRoom(domain)) {
      const subject = this.#subject(identifier);
      if (this.#isFree(subject, domain)) return this.#hold(domain, subject, null);
    }
    this.#tidy(domain);
    return null;
  }

  /**
   * Counts the start of a slot's fetch in the domain's window. Answers at once where the limiter does, so that nothing
   * comes between the count and the start. If the window has no room the domain is closed until it has.
   * @returns whether the fetch may begin.
   */
  admit(slot: Slot): boolean | Promise<boolean> {
    const { domain } = slot;
    if (domain.windowOpensAt > this.#options.clock.now() || !this.#mayBegin(slot)) return false;
    const rate = { limit: this.limitsOf(domain.name).maxPerMinute, windowMs: WINDOW_MS };
    try {
      const taken = this.#options.limiter.take(`sync:${domain.name}`, rate);
      if (!isPending(taken)) return this.#decide(domain, taken);
      // While the limiter was asked the domain may have been put to rest.
      return taken.then(
        (late) => this.#decide(domain, late) && this.#mayBegin(slot),
        (error) => this.#limiterFailed(domain, error),
      );
    } catch (error) {
      return this.#limiterFailed(domain, error);
    }
  }

  /** The slot's fetch has begun: the next identifier may choose. */
  started(slot: Slot): void {
    slot.choosing = false;
    slot.domain.choosing--;
    this.#pump(slot.domain);
  }

  /** Gives a slot back. @param outcome `null`: nothing was fetched after all. Calling again changes nothing. */
  release(slot: Slot, outcome: Outcome | null, retryAfterMs: number | null = null): void {
    if (slot.released) return;
    slot.released = true;
    slot.abort = null;
    const { domain, subject } = slot;
    const { telemetry, clock, log } = this.#options;
    domain.settledAt = clock.now();
    domain.slots--;
    if (slot.choosing) domain.choosing--;
    const wasProbe = domain.probe === slot;
    if (wasProbe) domain.probe = null;
    telemetry.inFlight(domain.meter, -1);
    if (outcome !== null) {
      telemetry.request(domain.meter, outcome);
      const restMs = learn(domain, outcome, wasProbe, retryAfterMs, domain.settledAt);
      if (restMs > 0) log.warn("a domain rests", { domain: domain.name, because: outcome, restMs });
    }
    letGo(slot);
    // A waiter that has its turn is not parked, and stays: most turns are spared the look-up.
    if (slot.waiter?.state !== "turn") {
      const waiter = subject.waiters.get(domain.name);
      if (waiter?.state === "parked") this.#takePlace(waiter);
      this.#forgetSubject(subject);
    }
    this.#pump(domain);
    this.#tidy(domain);
  }

  /** Hands an identifier to a domain's queue. @param tried URLs that need not be tried again. */
  join(identifier: string, domainName: string, tried: ReadonlySet<string>): void {
    if (this.#closed) return;
    const domain = this.#use(domainName);
    const subject = this.#subject(identifier);
    let waiter = subject.waiters.get(domainName);
    if (waiter !== undefined) {
      for (const source of tried) {
        waiter.tried ??= new Set();
        waiter.tried.add(source);
      }
    } else {
      const since = this.#options.clock.now();
      waiter = {
        subject,
        domain,
        tried: tried.size > 0 ? new Set(tried) : null,
        since,
        state: "queued",
        turn: 0,
        before: null,
        after: null,
      };
      subject.waiters.set(domainName, waiter);
      domain.waiting++;
      this.#options.telemetry.waiting(domain.meter, 1);
      this.#queue(waiter);
    }
    this.#pump(domain);
  }

  /** After a turn: to the back of the queue. */
  rejoin(waiter: Waiter): void {
    if (waiter.state !== "turn") return;
    waiter.since = this.#options.clock.now();
    this.#queue(waiter);
    this.#pump(waiter.domain);
  }

  /** After a turn that the window did not allow: to the place it had. */
  putBack(waiter: Waiter): void {
    if (waiter.state !== "turn") return;
    this.#takePlace(waiter);
    this.#pump(waiter.domain);
  }

  /** Out of the queue, whatever its state. */
  leave(waiter: Waiter): void {
    if (waiter.state === "left") return;
    const { domain, subject } = waiter;
    if (waiter.state === "queued") domain.ring.remove(waiter);
    waiter.state = "left";
    domain.waiting--;
    this.#options.telemetry.waiting(domain.meter, -1);
    this.#tell("an identifier leaves a domain", waiter);
    subject.waiters.delete(domain.name);
    this.#forgetSubject(subject);
    this.#pump(domain);
    this.#tidy(domain);
  }

  /** Out of every queue. Fetches under way go on. */
  leaveAll(identifier: string): void {
    const subject = this.#subjects.get(identifier);
    if (subject === undefined) return;
    for (const waiter of [...subject.waiters.values()]) this.leave(waiter);
  }

  /** Ends the identifier's fetches, begun or about to begin. */
  abort(identifier: string, reason: Error): void {
    let slot = this.#subjects.get(identifier)?.newest ?? null;
    for (; slot !== null; slot = slot.older) {
      slot.aborted = reason;
      slot.abort?.(reason);
    }
  }

  /** Ends all fetches. */
  abortAll(reason: Error): void {
    for (const identifier of [...this.#subjects.keys()]) this.abort(identifier, reason);
  }

  /** Looks again at a domain whose limits were changed; only raising them needs this, to take effect at once. */
  limitsChanged(domainName: string): void {
    const domain = this.#domains.get(domainName);
    if (domain === undefined) return;
    domain.windowOpensAt = 0;
    this.#pump(domain);
  }

  /** Forgets what need not be remembered any longer. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (;;) {
      const oldest = this.#remembered.peek();
      if (oldest === undefined) return;
      if (oldest.dueAt > now && this.#remembered.size <= MAX_REMEMBERED) return;
      this.#remembered.remove(oldest);
      this.#domains.delete(oldest.name);
    }
  }

  /** Gives no more slots or turns, empties every queue, and leaves no timer. */
  close(): void {
    this.#closed = true;
    for (const identifier of [...this.#subjects.keys()]) this.leaveAll(identifier);
  }

  /** Opens again what was closed. What is known of the domains is not forgotten. */
  open(): void {
    this.#closed = false;
  }

  /** The domains that rest, as plain data. */
  resting(): RestingDomain[] {
    const now = this.#options.clock.now();
    const resting: RestingDomain[] = [];
    for (const { name, rests, restsUntil, askedUntil } of this.#domains.values()) {
      if (rests === 0 && askedUntil <= now) continue;
      const restMs = Math.max(0, restsUntil - now);
      resting.push({ domain: name, rests, restMs, askedMs: Math.max(0, askedUntil - now) });
    }
    return resting;
  }

  /** Lets a domain go on with its rest. */
  restore({ domain: name, rests, restMs, askedMs }: RestingDomain): void {
    const now = this.#options.clock.now();
    const domain = this.#use(name);
    domain.rests = rests;
    domain.restsUntil = now + restMs;
    domain.askedUntil = now + askedMs;
    this.#tidy(domain);
  }

  /** Gives turns while there is room for them. */
  #pump(domain: Domain): void {
    const { clock, telemetry, onTurn } = this.#options;
    while (!this.#closed && !domain.ring.isEmpty && this.#hasRoom(domain)) {
      const waiter = domain.ring.shift()!;
      if (!this.#isFree(waiter.subject, domain)) {
        waiter.state = "parked";
        this.#tell("an identifier is being fetched already", waiter);
        continue;
      }
      waiter.state = "turn";
      const slot = this.#hold(domain, waiter.subject, waiter);
      telemetry.waited((clock.now() - waiter.since) / 1000);
      this.#tell("a domain gives a turn", waiter);
      onTurn(waiter, slot);
    }
    this.#arm(domain);
  }

  /** Sees to it that a closed domain with a queue has a timer for its opening, and no other domain has one. */
  #arm(domain: Domain): void {
    const { clock } = this.#options;
    const now = clock.now();
    const at = opensAt(domain);
    const wanted = !this.#closed && !domain.ring.isEmpty && at > now;
    if (wanted && domain.cancelTimer !== null && domain.timerAt === at) return;
    domain.cancelTimer?.();
    domain.cancelTimer = null;
    if (!wanted) return;
    domain.timerAt = at;
    domain.cancelTimer = clock.after(at - now, () => {
      domain.cancelTimer = null;
      this.#pump(domain);
    });
  }

  /** Holds a slot. The one place where capacity is taken. */
  #hold(domain: Domain, subject: Subject, waiter: Waiter | null): Slot {
    const slot: Slot = {
      domain,
      subject,
      waiter,
      older: subject.newest,
      choosing: true,
      released: false,
      aborted: null,
      abort: null,
    };
    domain.slots++;
    domain.choosing++;
    if (domain.rests > 0) domain.probe = slot;
    subject.newest = slot;
    this.#options.telemetry.inFlight(domain.meter, 1);
    return slot;
  }

  /** Whether the slot's fetch may begin; on probation it is the one that shows whether the domain is well again. */
  #mayBegin(slot: Slot): boolean {
    const { domain } = slot;
    const may = mayBegin(domain, slot, this.limitsOf(domain.name), this.#options.clock.now());
    if (may && domain.rests > 0) domain.probe = slot;
    return may;
  }

  #hasRoom(domain: Domain): boolean {
    return hasRoom(domain, this.limitsOf(domain.name), this.#options.clock.now());
  }

  /** Whether the identifier is not being fetched from the domain already. */
  #isFree({ newest }: Subject, domain: Domain): boolean {
    for (let slot = newest; slot !== null; slot = slot.older) if (slot.domain === domain) return false;
    return true;
  }

  /** At the back. */
  #queue(waiter: Waiter): void {
    waiter.state = "queued";
    waiter.domain.ring.pushBack(waiter);
    this.#tell("an identifier waits for a domain", waiter);
  }

  /** Where it was: it lost a turn through no fault of its own. */
  #takePlace(waiter: Waiter): void {
    waiter.state = "queued";
    waiter.domain.ring.putBack(waiter);
    this.#tell("an identifier keeps its turn", waiter);
  }

  #tell(message: string, { subject, domain }: Waiter): void {
    this.#options.log.debug(message, { identifier: logName(subject.identifier), domain: domain.name });
  }

  #decide(domain: Domain, taken: TakeResult): boolean {
    domain.remaining = taken.admitted ? taken.remaining : 0;
    if (!taken.admitted) {
      // Longer than the window itself is never needed, unless the limiter's clock was set back: then look again.
      this.#closeWindow(domain, Math.min(Math.max(1, taken.retryAfterMs), WINDOW_MS));
    }
    return taken.admitted;
  }

  #limiterFailed(domain: Domain, error: unknown): false {
    this.#options.log.warn("the rate limiter failed; nothing is fetched without it", {
      domain: domain.name,
      error,
    });
    this.#closeWindow(domain, LIMITER_DOWN_MS);
    return false;
  }

  #closeWindow(domain: Domain, ms: number): void {
    domain.windowOpensAt = this.#options.clock.now() + ms;
  }

  /** The domain of that name, known or new; whoever asks for it uses it or tidies it away. */
  #use(name: string): Domain {
    let domain = this.#domains.get(name);
    if (domain === undefined) {
      domain = newDomain(name, this.#options.telemetry.meter(name));
      this.#domains.set(name, domain);
    }
    this.#remembered.remove(domain);
    return domain;
  }

  #subject(identifier: string): Subject {
    let subject = this.#subjects.get(identifier);
    if (subject === undefined) {
      subject = { identifier, newest: null, waiters: new Map() };
      this.#subjects.set(identifier, subject);
    }
    return subject;
  }

  #forgetSubject({ identifier, newest, waiters }: Subject): void {
    if (newest === null && waiters.size === 0) this.#subjects.delete(identifier);
  }

  /** Forgets an idle domain at once, or later if it fails or asked for rest. The window itself is the limiter's. */
  #tidy(domain: Domain): void {
    if (domain.slots > 0 || domain.waiting > 0) return;
    const until = rememberUntil(domain);
    if (until > this.#options.clock.now()) {
      this.#remembered.set(domain, until);
      this.sweep();
    } else {
      this.#domains.delete(domain.name);
    }
  }
}
