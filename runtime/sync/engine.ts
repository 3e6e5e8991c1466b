import type { Clock, Log, Metrics, RateLimiter, Store } from "../platform.ts";
import { settlesWithin, TimeoutError, valueWithin } from "../within.ts";
import type { SyncContext } from "./context.ts";
import { type Outcome, opensAt, type Slot, type Waiter } from "./domain.ts";
import { type HurriedClock, hurriedClock } from "./hurried-clock.ts";
import { Lease } from "./lease.ts";
import { type Entry, Queue } from "./queue.ts";
import { RateLimited } from "./rate-limited.ts";
import { ABORT_GRACE_MS, type DomainLimits, EXPIRY_MS, TICK_MS } from "./schedule.ts";
import { checkSnapshot, type SyncSnapshot } from "./snapshot.ts";
import { domainOf } from "./source.ts";
import { steadyClock } from "./steady-clock.ts";
import { logName, Telemetry } from "./telemetry.ts";
import { Throttle } from "./throttle.ts";

/** What a {@link SyncEngine} needs, and what can be set. */
export interface SyncEngineOptions<Need, Item = Need> {
  context: SyncContext<Need, Item>;
  clock: Clock;
  /** Counts the starts of each domain, under the key `sync:<domain>`. Instances that share it share the limits. */
  limiter: RateLimiter;
  log: Log;
  metrics: Metrics;
  /** Goes before the name of every metric. Default: nothing. */
  metricsPrefix?: string;
  /** What a domain bears unless `limitsFor` knows better. Default: 5 in flight, 30 starts in any minute. */
  limits?: Partial<DomainLimits>;
  /**
   * What this domain (as `domainOf` names it) bears. Asked at every decision, so it must be quick, and its answers may
   * change while the engine runs; see {@link SyncEngine.limitsChanged}.
   */
  limitsFor?: (domain: string) => Partial<DomainLimits> | undefined;
  /**
   * How many sources the main path asks at once for one identifier. Default: 1, one after the other. The queues of the
   * throttled domains go on independently of it.
   */
  mainPathConcurrency?: number;
  /** At most so many identifiers wait; past it the newest is refused. Default: 100,000. */
  maxQueued?: number;
  /** An identifier expires so long after its last arrival. Default: 30 minutes. */
  expiryMs?: number;
  /** A fetch that takes longer is aborted and counts as a failure; so is looking up what is needed. Default: 30 s. */
  fetchTimeoutMs?: number;
  /** Our own hosts, with the port where it is not the scheme's own: sources there are never asked. */
  ownHosts?: readonly string[];
  /** For several instances: where they agree who works on what, and this one's name among them. */
  lease?: { store: Store; holder: string };
}

/** The answer to {@link SyncEngine.enqueue}. */
export type EnqueueResult = { admitted: true } | { admitted: false; reason: "full" | "stopped" };

/**
 * How far {@link SyncEngine.tryNow} came. `complete`: nothing is needed any more. `throttled`: a source is left whose
 * domain had no room. `incomplete`: nobody is left to ask now, and something is still missing.
 */
export type TryResult = "complete" | "throttled" | "incomplete";

/** What can be seen of the engine at one moment. */
export interface SyncView {
  /** Identifiers that wait or are being worked on. */
  queued: number;
  /** Domains that are busy, waited for, or remembered because they are closed or fail. */
  domains: DomainView[];
}

/** What can be seen of one domain. */
export interface DomainView extends DomainLimits {
  domain: string;
  inFlight: number;
  /** Identifiers in its queue. */
  waiting: number;
  /** Starts for which the window had room when it was last asked; `null`: not asked yet. */
  remaining: number | null;
  /** Milliseconds until it may be asked again; 0: time does not stand in the way. */
  opensInMs: number;
  /** Failures in a row. */
  failures: number;
  /** Rests in a row. */
  rests: number;
}

/** What one look at an identifier found. */
interface Wanted<Need> {
  items: readonly Need[];
  sources: readonly string[];
}

/** A source, with the room to fetch from it. */
interface Choice<Need> {
  kind: "source";
  source: string;
  items: readonly Need[];
  slot: Slot;
}

const NONE: ReadonlySet<string> = new Set();

/** What to do next for an identifier. */
type Next<Need> =
  | Choice<Need>
  /** Nothing is pending or needed. `arrivals`: how many events had arrived when that was asked. */
  | { kind: "done"; arrivals: number }
  /** Every untried source is at one of these domains, which have no room. */
  | { kind: "none"; closed: ReadonlySet<string> }
  /** It is not ours to work on: another instance does, or it is queued no longer. */
  | { kind: "not ours" };

/**
 * Brings identifiers the data they wait for. When to look, where, and how gently is the engine's; what is needed, who may
 * have it and how to ask are the context's.
 *
 * @example
 * ```ts
 * const engine = new SyncEngine({ context, clock, limiter, log, metrics });
 * engine.start();
 * engine.enqueue("some-identifier", DELAYS_MS.immediate);
 * // …
 * const snapshot = await engine.stop();
 * ```
 */
export class SyncEngine<Need, Item = Need> {
  readonly #options: SyncEngineOptions<Need, Item>;
  readonly #context: SyncContext<Need, Item>;
  readonly #clock: Clock;
  /** For what the context is asked. */
  readonly #lookClock: HurriedClock;
  readonly #log: Log;
  readonly #telemetry: Telemetry;
  readonly #lease: Lease | null;
  readonly #ownDomains: ReadonlySet<string>;
  readonly #fetchTimeoutMs: number;
  #queue = new Queue();
  #throttle: Throttle;
  #running = false;
  #stopping: Promise<SyncSnapshot> | null = null;
  #cancelTick: (() => void) | null = null;
  /** Pieces of work under way, and whom to tell when there is none. */
  #active = 0;
  #onIdle: (() => void) | null = null;
  /** Identifiers that `tryNow` is at. Dropping one takes it out. */
  readonly #tries = new Map<string, { users: number }>();

  constructor(options: SyncEngineOptions<Need, Item>) {
    const { context, clock, log, metrics, metricsPrefix = "", lease, ownHosts = [] } = options;
    this.#options = options;
    this.#context = context;
    this.#clock = steadyClock(clock);
    this.#lookClock = hurriedClock(this.#clock);
    this.#log = log;
    this.#telemetry = new Telemetry(metrics, metricsPrefix);
    this.#fetchTimeoutMs = options.fetchTimeoutMs ?? 30_000;
    this.#ownDomains = new Set(ownHosts.map((host) => domainOf(`https://${host}`) ?? host));
    // Renewed at half-time, before each fetch, so that it outlasts one.
    const ttlSeconds = Math.ceil(this.#fetchTimeoutMs / 500) + 10;
    this.#lease = lease ? new Lease({ ...lease, clock: this.#clock, ttlSeconds }) : null;
    this.#throttle = this.#newThrottle();
  }

  /**
   * Begins to work, where an earlier engine left off if its snapshot is given.
   * @throws {Error} if it works already; {TypeError} if the snapshot is none.
   */
  start(snapshot?: SyncSnapshot): void {
    if (this.#running || this.#stopping) throw new Error("the sync engine runs already; stop it first");
    if (snapshot !== undefined) checkSnapshot(snapshot);
    this.#running = true;
    const now = this.#clock.now();
    for (const domain of snapshot?.domains ?? []) this.#throttle.restore(domain);
    for (const { identifier, delayMs, attempts, expiresInMs } of snapshot?.identifiers ?? []) {
      if (this.#refuses() === null) this.#queue.restore(identifier, now, delayMs, attempts, expiresInMs);
    }
    this.#arm();
  }

  /**
   * Stops: begins nothing more, lets what is in flight settle for at most `timeoutMs`, then aborts it and waits no more
   * than a second for the rest. Leaves no timer. The engine can be started again.
   * @returns what was waiting, including what was being worked on.
   */
  stop(timeoutMs = 10_000): Promise<SyncSnapshot> {
    this.#stopping ??= this.#stop(timeoutMs).finally(() => {
      this.#stopping = null;
    });
    return this.#stopping;
  }

  /**
   * Has an identifier looked at `delayMs` from now ({@link DELAYS_MS} names two delays). One that waits already gets a
   * fresh start: its backoff is forgotten, and the earlier of the two times holds.
   * @throws {RangeError} if the delay is no number of milliseconds.
   */
  enqueue(identifier: string, delayMs: number): EnqueueResult {
    if (!(delayMs >= 0 && delayMs < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`delayMs is ${delayMs}; expected a number of milliseconds, at least 0`);
    }
    const reason = this.#queue.get(identifier) && this.#running ? null : this.#refuses();
    if (reason !== null) return { admitted: false, reason };
    this.#queue.add(identifier, this.#clock.now(), delayMs, this.#options.expiryMs ?? EXPIRY_MS);
    this.#telemetry.queueSize(this.#queue.size);
    this.#arm();
    return { admitted: true };
  }

  /** Forgets an identifier and aborts its fetches; what they bring is not processed. */
  drop(identifier: string): void {
    this.#tries.delete(identifier);
    this.#throttle.abort(identifier, abortError("the identifier was dropped"));
    const entry = this.#queue.get(identifier);
    if (entry !== undefined) this.#remove(entry);
  }

  /**
   * Keeps a waiting identifier from expiring for at least `atLeastMs` from now, while work for it is under way elsewhere.
   * @returns whether it is known.
   */
  extendExpiry(identifier: string, atLeastMs: number): boolean {
    const entry = this.#queue.get(identifier);
    if (entry === undefined) return false;
    this.#queue.keepUntil(entry, this.#clock.now() + atLeastMs);
    return true;
  }

  /**
   * The main path once, now, without a queue or a backoff: asks every source whose domain has room, under the same limits
   * as all else. For a service that would rather not wait for the loop, or runs where nothing outlives a request; it works
   * without {@link start}. Never rejects.
   */
  async tryNow(identifier: string): Promise<TryResult> {
    this.#telemetry.attempt();
    this.#enter(identifier);
    const trial = this.#tries.get(identifier) ?? { users: 0 };
    trial.users++;
    this.#tries.set(identifier, trial);
    try {
      const isWanted = () => this.#stopping === null && this.#tries.get(identifier) === trial;
      const end = await this.#mainPath(identifier, new Set(), isWanted);
      if (end.kind === "none") return end.closed.size > 0 ? "throttled" : "incomplete";
      if (end.kind === "not ours") return "incomplete";
      const entry = this.#queue.get(identifier);
      if (entry !== undefined && !entry.inProgress) this.#finish(entry, end.arrivals);
      return "complete";
    } catch (error) {
      this.#lookFailed(identifier, error);
      return "incomplete";
    } finally {
      if (--trial.users === 0 && this.#tries.get(identifier) === trial) this.#tries.delete(identifier);
      await this.#exit(identifier);
    }
  }

  /** To be told when `limitsFor` has changed its mind about a domain: lets it take effect at once. */
  limitsChanged(domain: string): void {
    this.#throttle.limitsChanged(domain);
  }

  /** What can be seen now. Walks over all active domains: for a status page, not for a request. */
  inspect(): SyncView {
    const now = this.#clock.now();
    const domains = [...this.#throttle.domains()].map((domain) => ({
      domain: domain.name,
      ...this.#throttle.limitsOf(domain.name),
      inFlight: domain.slots - domain.choosing,
      waiting: domain.waiting,
      remaining: Number.isFinite(domain.remaining) ? domain.remaining : null,
      opensInMs: Math.max(0, opensAt(domain) - now),
      failures: domain.failures,
      rests: domain.rests,
    }));
    return { queued: this.#queue.size, domains };
  }

  /** The loop: once a second, while anything waits. */
  #tick(): void {
    this.#cancelTick = null;
    const now = this.#clock.now();
    for (let entry = this.#queue.due(now); entry !== undefined; entry = this.#queue.due(now)) {
      if (entry.expiresAt <= now) this.#expire(entry);
      else void this.#attempt(entry);
    }
    this.#throttle.sweep();
    this.#telemetry.flush();
    this.#arm();
  }

  #arm(): void {
    if (!this.#running || this.#queue.size === 0) return;
    this.#cancelTick ??= this.#clock.after(TICK_MS, () => this.#tick());
  }

  /** One attempt of the main path, and what follows from how it ended. */
  async #attempt(entry: Entry): Promise<void> {
    const { identifier } = entry;
    this.#queue.begin(entry);
    this.#telemetry.attempt();
    this.#log.debug("an attempt begins", { identifier: logName(identifier), attempts: entry.attempts });
    this.#enter(identifier);
    try {
      const tried = new Set<string>();
      const end = await this.#mainPath(identifier, tried, () => this.#isCurrent(entry));
      if (end.kind === "done") this.#finish(entry, end.arrivals);
      if (end.kind === "none" && this.#isCurrent(entry)) {
        for (const domain of end.closed) this.#throttle.join(identifier, domain, tried);
      }
    } catch (error) {
      this.#lookFailed(identifier, error);
    } finally {
      this.#log.debug("an attempt ends", { identifier: logName(identifier) });
      if (this.#isCurrent(entry)) this.#queue.backOff(entry, this.#clock.now());
      await this.#exit(identifier);
    }
  }

  /**
   * Asks source after source until nothing is needed or no domain with an untried source has room. Never waits for a
   * throttled domain.
   * @param tried is filled.
   * @param isWanted whether to go on.
   * @throws what looking up what is needed throws.
   */
  async #mainPath(
    identifier: string,
    tried: Set<string>,
    isWanted: () => boolean,
  ): Promise<Exclude<Next<Need>, Choice<Need>>> {
    const width = this.#options.mainPathConcurrency ?? 1;
    const refused = new Set<string>();
    const fetches = new Set<Promise<void>>();
    const fetch = async (choice: Choice<Need>) => {
      tried.add(choice.source);
      if ((await this.#fetchFrom(choice, isWanted)) !== "refused") return;
      tried.delete(choice.source);
      refused.add(choice.slot.domain.name);
    };
    try {
      for (;;) {
        if (fetches.size >= width) await Promise.race(fetches);
        const next = await this.#nextSource(identifier, tried, refused, isWanted);
        if (next.kind === "source") {
          const fetching: Promise<void> = fetch(next).finally(() => fetches.delete(fetching));
          fetches.add(fetching);
        } else if (fetches.size > 0) {
          // What they bring may change the answer.
          await Promise.race(fetches);
        } else {
          return next;
        }
      }
    } finally {
      await Promise.all(fetches);
    }
  }

  /** An identifier's turn in a domain's queue: one URL, then to the back or, with none left, out. */
  async #domainPath(waiter: Waiter, slot: Slot): Promise<void> {
    const { identifier } = waiter.subject;
    this.#enter(identifier);
    let then: "rejoin" | "putBack" | "leave" = "leave";
    try {
      then = await this.#turn(waiter, slot, this.#queue.get(identifier)!);
    } catch (error) {
      this.#lookFailed(identifier, error);
    }
    this.#throttle.release(slot, null);
    this.#throttle[then](waiter);
    await this.#exit(identifier);
  }

  /** @returns what becomes of the waiter. @throws what looking up what is needed throws. */
  async #turn(waiter: Waiter, slot: Slot, entry: Entry) {
    const isWanted = () => this.#isCurrent(entry);
    const next = await this.#nextSourceOf(slot, waiter.tried ?? NONE, isWanted);
    if (next.kind === "done") this.#finish(entry, next.arrivals);
    if (next.kind !== "source") return "leave";
    if ((await this.#fetchFrom(next, isWanted)) === "refused") return "putBack";
    if (!isWanted()) return "leave";
    waiter.tried ??= new Set();
    waiter.tried.add(next.source);
    const { arrivals } = entry;
    const wanted = await this.#look(entry.identifier);
    if (wanted === null) this.#finish(entry, arrivals);
    if (wanted === null || wanted === "not ours") return "leave";
    const left = this.#firstOf(waiter.domain.name, wanted.sources, waiter.tried);
    return left === undefined ? "leave" : "rejoin";
  }

  /** Chooses an untried source whose domain has room, and takes that room in the same breath. */
  async #nextSource(
    identifier: string,
    tried: ReadonlySet<string>,
    refused: ReadonlySet<string>,
    isWanted: () => boolean,
  ): Promise<Next<Need>> {
    if (!isWanted()) return { kind: "not ours" };
    const arrivals = this.#arrivals(identifier);
    const wanted = await this.#look(identifier);
    if (!isWanted() || wanted === "not ours") return { kind: "not ours" };
    if (wanted === null) return { kind: "done", arrivals };
    const closed = new Set<string>();
    for (const source of wanted.sources) {
      const domain = tried.has(source) ? null : this.#askable(source);
      if (domain === null || closed.has(domain)) continue;
      const slot = refused.has(domain) ? null : this.#throttle.reserve(domain, identifier);
      if (slot !== null) return { kind: "source", source, items: wanted.items, slot };
      closed.add(domain);
    }
    return { kind: "none", closed };
  }

  /** Chooses an untried source of the domain whose room is held already. */
  async #nextSourceOf(slot: Slot, tried: ReadonlySet<string>, isWanted: () => boolean): Promise<Next<Need>> {
    const { identifier } = slot.subject;
    if (!isWanted()) return { kind: "not ours" };
    const arrivals = this.#arrivals(identifier);
    const wanted = await this.#look(identifier);
    if (!isWanted() || wanted === "not ours") return { kind: "not ours" };
    if (wanted === null) return { kind: "done", arrivals };
    const source = this.#firstOf(slot.domain.name, wanted.sources, tried);
    if (source === undefined) return { kind: "none", closed: new Set() };
    return { kind: "source", source, items: wanted.items, slot };
  }

  /**
   * Fetches from a source whose room is held, gives the room back however that ends, and has what came processed.
   * @param isWanted whether the identifier is still to be fetched, should the window's answer have taken time.
   * @returns how it ended; `refused`: the domain's window has no room, and nothing was fetched. Never rejects.
   */
  async #fetchFrom(
    { source, items, slot }: Choice<Need>,
    isWanted: () => boolean,
  ): Promise<Outcome | "refused"> {
    const { domain, subject } = slot;
    const { identifier } = subject;
    let admitted = this.#throttle.admit(slot);
    if (typeof admitted !== "boolean") admitted = await admitted;
    if (!admitted || !isWanted()) {
      this.#throttle.release(slot, null);
      return admitted ? "aborted" : "refused";
    }
    let outcome: Outcome;
    let obtained: readonly Item[] = [];
    let retryAfterMs: number | null = null;
    try {
      obtained = await this.#bounded(slot, (signal) =>
        this.#context.fetch(identifier, source, items, signal),
      );
      outcome = obtained.length > 0 ? "obtained" : "empty";
    } catch (error) {
      outcome = outcomeOf(error, slot.aborted);
      if (error instanceof RateLimited) retryAfterMs = error.retryAfterMs;
      if (outcome === "failed" || outcome === "timeout") {
        const fields = { identifier: logName(identifier), domain: domain.name, outcome, error };
        this.#log.warn("a fetch did not succeed", fields);
      }
    }
    this.#throttle.release(slot, outcome, retryAfterMs);
    if (outcome === "obtained") await this.#process(identifier, obtained);
    return outcome;
  }

  /** Begins a slot's fetch and waits for it, but no longer than is allowed or wanted. */
  async #bounded(
    slot: Slot,
    fetch: (signal: AbortSignal) => Promise<readonly Item[]>,
  ): Promise<readonly Item[]> {
    const controller = new AbortController();
    const fetched = fetch(controller.signal);
    const ms = this.#fetchTimeoutMs;
    let cancel = (): void => {};
    const givenUp = new Promise<never>((_, reject) => {
      cancel = this.#clock.after(ms, () => reject(new TimeoutError(ms)));
      slot.abort = reject;
    });
    this.#throttle.started(slot);
    try {
      return await Promise.race([fetched, givenUp]);
    } catch (error) {
      // Here and not where it was given up: some hosts let nobody end a fetch but the request that began it.
      controller.abort(error);
      // A connection takes a moment to close, and is in flight until then.
      const closed = fetched.catch(() => {});
      await settlesWithin(closed, ABORT_GRACE_MS, this.#clock);
      throw error;
    } finally {
      cancel();
    }
  }

  async #process(identifier: string, obtained: readonly Item[]): Promise<void> {
    this.#telemetry.items(obtained.length);
    try {
      await this.#context.process(identifier, obtained);
    } catch (error) {
      this.#log.warn("what was fetched could not be processed", { identifier: logName(identifier), error });
    }
  }

  /**
   * Asks the context what is needed and who may have it.
   * @returns `null` if nothing is pending or needed.
   * @throws what the context throws, and if it takes too long.
   */
  #look(identifier: string): Promise<Wanted<Need> | null | "not ours"> {
    return valueWithin(this.#ask(identifier), this.#fetchTimeoutMs, this.#lookClock);
  }

  async #ask(identifier: string): Promise<Wanted<Need> | null | "not ours"> {
    if (this.#lease !== null && !(await this.#lease.hold(identifier))) return "not ours";
    if (!(await this.#context.hasPending(identifier))) return null;
    const items = await this.#context.neededItems(identifier);
    if (items.length === 0) return null;
    return { items, sources: await this.#context.sources(identifier) };
  }

  /** The first untried source of a domain. */
  #firstOf(domain: string, sources: readonly string[], tried: ReadonlySet<string>): string | undefined {
    return sources.find((source) => !tried.has(source) && this.#askable(source) === domain);
  }

  /** The domain of a source, unless it cannot be asked: it has none, or is ourselves. */
  #askable(source: string): string | null {
    const domain = domainOf(source);
    return domain === null || this.#ownDomains.has(domain) ? null : domain;
  }

  #arrivals(identifier: string): number {
    return this.#queue.get(identifier)?.arrivals ?? 0;
  }

  /** Whether an entry is still what it was: queued, in an engine that runs. */
  #isCurrent(entry: Entry): boolean {
    return this.#running && this.#queue.get(entry.identifier) === entry;
  }

  /** Removes an entry that is complete, unless something arrived since that was asked. */
  #finish(entry: Entry, arrivals: number): void {
    if (!this.#isCurrent(entry) || entry.arrivals !== arrivals) return;
    this.#remove(entry);
    this.#telemetry.completed();
    this.#log.info("an identifier is complete", { identifier: logName(entry.identifier) });
  }

  #expire(entry: Entry): void {
    this.#remove(entry);
    this.#telemetry.expired();
    this.#log.info("an identifier expired", { identifier: logName(entry.identifier) });
  }

  #remove(entry: Entry): void {
    this.#queue.remove(entry);
    this.#throttle.leaveAll(entry.identifier);
    this.#telemetry.queueSize(this.#queue.size);
  }

  /** Why a new identifier cannot be taken, counted; `null`: it can. */
  #refuses(): "full" | "stopped" | null {
    const full = this.#queue.size >= (this.#options.maxQueued ?? 100_000);
    if (this.#running && !full) return null;
    const reason = this.#running ? "full" : "stopped";
    this.#telemetry.refused(reason);
    return reason;
  }

  #lookFailed(identifier: string, error: unknown): void {
    this.#log.warn("what is needed could not be looked up", { identifier: logName(identifier), error });
  }

  #enter(identifier: string): void {
    this.#active++;
    this.#lease?.enter(identifier);
  }

  async #exit(identifier: string): Promise<void> {
    try {
      await this.#lease?.exit(identifier);
    } catch (error) {
      this.#log.warn("a lease could not be given back", { identifier: logName(identifier), error });
    }
    if (--this.#active > 0) return;
    this.#telemetry.flush();
    this.#onIdle?.();
  }

  async #stop(timeoutMs: number): Promise<SyncSnapshot> {
    this.#running = false;
    this.#cancelTick?.();
    this.#cancelTick = null;
    this.#throttle.close();
    await this.#idle(timeoutMs);
    this.#throttle.abortAll(abortError("the sync engine stops"));
    this.#lookClock.hurry();
    await this.#idle(2 * ABORT_GRACE_MS);
    const snapshot = { identifiers: this.#waiting(), domains: this.#throttle.resting() };
    this.#queue = new Queue();
    this.#throttle = this.#newThrottle();
    this.#telemetry.queueSize(0);
    this.#telemetry.flush();
    return snapshot;
  }

  /** Waits until nothing is under way, but no longer than `ms`. */
  #idle(ms: number): Promise<void> {
    if (this.#active === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#onIdle = null;
        resolve();
      };
      const cancel = this.#clock.after(ms, done);
      this.#onIdle = done;
    });
  }

  #waiting(): SyncSnapshot["identifiers"] {
    const now = this.#clock.now();
    return [...this.#queue.all()].map(({ identifier, attempts, inProgress, nextAttempt, expiresAt }) => ({
      identifier,
      delayMs: inProgress ? 0 : Math.max(0, nextAttempt - now),
      attempts,
      expiresInMs: Math.max(0, expiresAt - now),
    }));
  }

  #newThrottle(): Throttle {
    const { limiter, log, limits, limitsFor } = this.#options;
    return new Throttle({
      clock: this.#clock,
      limiter,
      log,
      telemetry: this.#telemetry,
      limits,
      limitsFor,
      onTurn: (waiter, slot) => void this.#domainPath(waiter, slot),
    });
  }
}

function abortError(message: string): Error {
  const error = new Error(message);
  error.name = "AbortError";
  return error;
}

function outcomeOf(error: unknown, aborted: Error | null): Outcome {
  if (aborted !== null) return "aborted";
  if (error instanceof TimeoutError) return "timeout";
  return error instanceof RateLimited ? "limited" : "failed";
}
