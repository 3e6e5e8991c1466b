import type { Clock, Log } from "../platform.ts";
import { type Choice, Chooser, type Next } from "./chooser.ts";
import { opensAt, type Slot, type Waiter } from "./domain.ts";
import { Fetcher } from "./fetcher.ts";
import { type HurriedClock, hurriedClock } from "./hurried-clock.ts";
import { Lease } from "./lease.ts";
import type { DomainView, EnqueueResult, SyncEngineOptions, SyncView, TryResult } from "./options.ts";
import { type Entry, Queue } from "./queue.ts";
import { ABORT_GRACE_MS, ATTEMPTS_AT_ONCE, BREATH_MS, EXPIRY_MS, TICK_MS } from "./schedule.ts";
import { checkSnapshot, type SyncSnapshot } from "./snapshot.ts";
import { domainOf } from "./source.ts";
import { steadyClock } from "./steady-clock.ts";
import { logName, Telemetry } from "./telemetry.ts";
import { Throttle } from "./throttle.ts";

export type { DomainView, EnqueueResult, SyncEngineOptions, SyncView, TryResult };

const NONE: ReadonlySet<string> = new Set();

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
  readonly #clock: Clock;
  /** Measures the patience with the context. */
  readonly #lookClock: HurriedClock;
  readonly #log: Log;
  readonly #telemetry: Telemetry;
  readonly #lease: Lease | null;
  readonly #throttle: Throttle;
  readonly #chooser: Chooser<Need, Item>;
  readonly #fetcher: Fetcher<Need, Item>;
  #queue = new Queue();
  #running = false;
  #stopping: Promise<SyncSnapshot> | null = null;
  #cancelTick: (() => void) | null = null;
  /** Pieces of work under way, and whom to tell when there is none. */
  #active = 0;
  #onIdle: (() => void) | null = null;
  /** Identifiers that `tryNow` is at. Dropping one takes it out. */
  readonly #tries = new Map<string, { users: number }>();

  constructor(options: SyncEngineOptions<Need, Item>) {
    const {
      context,
      limiter,
      limits,
      limitsFor,
      log,
      ownHosts = [],
      fetchTimeoutMs: timeoutMs = 30_000,
    } = options;
    this.#options = options;
    const clock = steadyClock(options.clock);
    this.#clock = clock;
    this.#lookClock = hurriedClock(clock);
    this.#log = log;
    const telemetry = new Telemetry(options.metrics, options.metricsPrefix ?? "");
    this.#telemetry = telemetry;
    // Renewed at half-time, before each fetch, so that it outlasts one.
    const ttlSeconds = Math.ceil(timeoutMs / 500) + 10;
    this.#lease = options.lease ? new Lease({ ...options.lease, clock, ttlSeconds }) : null;
    const onTurn = (waiter: Waiter, slot: Slot) => void this.#domainPath(waiter, slot);
    const throttle = new Throttle({ clock, limiter, limits, limitsFor, log, telemetry, onTurn });
    this.#throttle = throttle;
    this.#chooser = new Chooser({
      context,
      clock: this.#lookClock,
      throttle,
      lease: this.#lease,
      ownDomains: new Set(ownHosts.map((host) => domainOf(`https://${host}`) ?? host)),
      timeoutMs,
      arrivals: (identifier) => this.#queue.get(identifier)?.arrivals ?? 0,
    });
    this.#fetcher = new Fetcher({ context, clock, throttle, timeoutMs, log, telemetry });
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
    this.#telemetry.queueSize(this.#queue.size);
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

  /** Whether an identifier waits or is being worked on. */
  has(identifier: string): boolean {
    return this.#queue.get(identifier) !== undefined || this.#tries.has(identifier);
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

  /** The loop: once a second, while anything waits; sooner if more is due than is begun at once. */
  #tick(): void {
    this.#cancelTick = null;
    const now = this.#clock.now();
    let entry = this.#queue.due(now);
    for (let begun = 0; entry !== undefined && begun < ATTEMPTS_AT_ONCE; begun++) {
      if (entry.expiresAt <= now) this.#expire(entry);
      else void this.#attempt(entry);
      entry = this.#queue.due(now);
    }
    if (entry === undefined) {
      this.#throttle.sweep();
      this.#telemetry.flush();
    }
    this.#arm(entry === undefined ? TICK_MS : BREATH_MS);
  }

  #arm(delayMs = TICK_MS): void {
    if (!this.#running || this.#queue.size === 0) return;
    this.#cancelTick ??= this.#clock.after(delayMs, () => this.#tick());
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
      if ((await this.#fetcher.fetchFrom(choice, isWanted)) !== "refused") return;
      tried.delete(choice.source);
      refused.add(choice.slot.domain.name);
    };
    try {
      for (;;) {
        if (fetches.size >= width) await Promise.race(fetches);
        const next = await this.#chooser.next(identifier, tried, refused, isWanted);
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
    const next = await this.#chooser.nextOf(slot, waiter.tried ?? NONE, isWanted);
    if (next.kind === "done") this.#finish(entry, next.arrivals);
    if (next.kind !== "source") return "leave";
    if ((await this.#fetcher.fetchFrom(next, isWanted)) === "refused") return "putBack";
    if (!isWanted()) return "leave";
    waiter.tried ??= new Set();
    waiter.tried.add(next.source);
    const { arrivals } = entry;
    const wanted = await this.#chooser.look(entry.identifier);
    if (wanted === null) this.#finish(entry, arrivals);
    if (wanted === null || wanted === "not ours") return "leave";
    const left = this.#chooser.firstOf(waiter.domain.name, wanted.sources, waiter.tried);
    return left === undefined ? "leave" : "rejoin";
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
    this.#throttle.open();
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
}

function abortError(message: string): Error {
  const error = new Error(message);
  error.name = "AbortError";
  return error;
}
