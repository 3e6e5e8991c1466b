import type { Clock } from "../platform.ts";
import { ActiveWork, abortError, type Work } from "./active-work.ts";
import type { Cancellation } from "./cancellation.ts";
import { type FlushableClock, flushableClock, monotonicClock } from "./clocks.ts";
import { Domains } from "./domains.ts";
import type { SourceUnusable } from "./errors.ts";
import type { RefusalReason, SyncListener, TryResult } from "./events.ts";
import { type Choice, Fetcher } from "./fetcher.ts";
import { Leases } from "./leases.ts";
import { createLookUp } from "./look-up.ts";
import type { EnqueueResult, SyncEngineOptions, SyncView } from "./options.ts";
import { Paths } from "./paths.ts";
import type { Permit, Waiter } from "./permit.ts";
import { type Entry, Queue } from "./queue.ts";
import {
  ABORT_GRACE_MS,
  ATTEMPTS_PER_BATCH,
  BATCH_PAUSE_MS,
  EXPIRY_MS,
  IDLE_TIMEOUT_MS,
  LEASE_TTL_SECONDS,
  LOOK_TIMEOUT_MS,
  MAX_QUEUED,
  PROLONG_EVERY_MS,
  TICK_MS,
  TOTAL_TIMEOUT_MS,
} from "./schedule.ts";
import { SetAside } from "./set-aside.ts";
import { checkSnapshot, type SyncSnapshot } from "./snapshot.ts";
import { domainOf } from "./source.ts";

/**
 * Brings identifiers the data that they wait for. The engine decides when to look, where, and within which limits; the
 * context knows what is needed, who may have it, and how to ask.
 *
 * @example
 * ```ts
 * const engine = new SyncEngine({ context, clock, limiter, onEvent: logListener(log) });
 * engine.start();
 * engine.enqueue("some-identifier", DELAYS_MS.immediate);
 * // …
 * const snapshot = await engine.stop();
 * ```
 */
export class SyncEngine<Need, Item = Need, Receipt = undefined> {
  readonly #options: SyncEngineOptions<Need, Item, Receipt>;
  readonly #clock: Clock;
  /** Its timers are the timeouts of look-ups. */
  readonly #lookClock: FlushableClock;
  readonly #emit: SyncListener | undefined;
  readonly #leases: Leases | null;
  readonly #domains: Domains;
  readonly #paths: Paths<Need, Item, Receipt>;
  readonly #work: ActiveWork;
  readonly #setAside: SetAside;
  readonly #expiryMs: number;
  readonly #abortGraceMs: number;
  #queue = new Queue();
  /** Identifiers in `tryNow`. */
  readonly #trials = new Map<string, Work>();
  #running = false;
  #stopping: Promise<SyncSnapshot> | null = null;
  #cancelTick: (() => void) | null = null;

  constructor(options: SyncEngineOptions<Need, Item, Receipt>) {
    const { context, limiter, onEvent: emit, keyPrefix = "", lease } = options;
    const clock = monotonicClock(options.clock);
    this.#options = options;
    this.#clock = clock;
    this.#lookClock = flushableClock(clock);
    this.#emit = emit;
    this.#expiryMs = options.expiryMs ?? EXPIRY_MS;
    this.#abortGraceMs = options.abortGraceMs ?? ABORT_GRACE_MS;
    this.#domains = new Domains({
      clock,
      limiter,
      emit,
      keyPrefix,
      maxConcurrentTotal: options.maxConcurrentTotal,
      limits: options.limits,
      limitsFor: options.limitsFor,
      goesLast: options.goesLast,
      onTurn: (waiter, permit) => void this.#turn(waiter, permit),
    });
    const ttlSeconds = lease?.ttlSeconds ?? LEASE_TTL_SECONDS;
    const onLost = (identifier: string) => this.#domains.abort(identifier, abortError("the lease is lost"));
    this.#leases = lease ? new Leases({ ...lease, clock, keyPrefix, ttlSeconds, emit, onLost }) : null;
    this.#setAside = new SetAside(clock);
    this.#work = new ActiveWork(clock, this.#leases, () => this.#checkpoint());
    const fetcher = new Fetcher<Need, Item, Receipt>({
      context,
      clock,
      emit,
      idleTimeoutMs: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      totalTimeoutMs: options.totalTimeoutMs ?? TOTAL_TIMEOUT_MS,
      abortGraceMs: this.#abortGraceMs,
      onProgress: (identifier) => this.#prolong(identifier),
      onUnusable: (choice, error) => this.#putAside(choice, error),
    });
    this.#paths = new Paths({
      lookUp: createLookUp({
        context,
        clock: this.#lookClock,
        leases: this.#leases,
        timeoutMs: options.lookTimeoutMs ?? LOOK_TIMEOUT_MS,
        arrivals: (identifier) => this.#queue.get(identifier)?.arrivals ?? 0,
      }),
      domains: this.#domains,
      fetcher,
      ownDomains: new Set((options.ownHosts ?? []).map((host) => domainOf(`https://${host}`) ?? host)),
      concurrency: options.mainPathConcurrency ?? 1,
      patience: options.mainPathPatience ?? null,
      clock,
      setAside: this.#setAside,
    });
  }

  /**
   * Starts the loop, or continues where an earlier engine stopped.
   * @param snapshot what `stop` of that engine returned.
   * @throws {Error} if the engine runs; {TypeError} if the snapshot is not valid.
   */
  start(snapshot?: SyncSnapshot): void {
    if (this.#running || this.#stopping)
      throw new Error("Cannot start the sync engine: it runs already; stop it first");
    if (snapshot !== undefined) checkSnapshot(snapshot);
    this.#running = true;
    const now = this.#clock.now();
    for (const domain of snapshot?.domains ?? []) this.#domains.restore(domain);
    for (const { identifier, delayMs, attempts, expiresInMs } of snapshot?.identifiers ?? []) {
      if (this.#refuses(identifier) === null) {
        this.#queue.restore(identifier, now, delayMs, attempts, expiresInMs);
      }
    }
    this.#setTick();
  }

  /**
   * Stops: starts nothing more, waits for running fetches, aborts them after `timeoutMs`, and then waits for at most twice
   * the abort grace. Leaves no timer. The engine can be started again.
   * @param timeoutMs in milliseconds. Default: 10,000.
   * @returns what is queued, including what was being worked on.
   */
  stop(timeoutMs = 10_000): Promise<SyncSnapshot> {
    this.#stopping ??= this.#stop(timeoutMs).finally(() => {
      this.#stopping = null;
    });
    return this.#stopping;
  }

  /**
   * Queues an identifier. A queued one gets a fresh start: its backoff is forgotten, and the earlier of the two times holds.
   * @param delayMs milliseconds until the first attempt; {@link DELAYS_MS} names two delays.
   * @throws {RangeError} if the delay is not a number of milliseconds.
   */
  enqueue(identifier: string, delayMs: number): EnqueueResult {
    if (!(delayMs >= 0 && delayMs < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`delayMs is ${delayMs}; expected a number of milliseconds, at least 0`);
    }
    const reason = this.#queue.get(identifier) && this.#running ? null : this.#refuses(identifier);
    if (reason !== null) return { admitted: false, reason };
    this.#setAside.freshStart(identifier);
    this.#queue.add(identifier, this.#clock.now(), delayMs, this.#expiryMs);
    this.#setTick();
    return { admitted: true };
  }

  /** Whether an identifier is queued or being worked on. */
  has(identifier: string): boolean {
    return this.#queue.get(identifier) !== undefined || this.#trials.has(identifier);
  }

  /** Forgets an identifier and aborts its fetches. What they bring is not processed. */
  drop(identifier: string): void {
    const entry = this.#abort(identifier, "the identifier was dropped");
    if (entry !== undefined) this.#remove(entry);
    this.#setAside.forget(identifier);
  }

  /**
   * Ends an identifier that needs nothing any more, now instead of at its next look-up, and aborts its fetches. What they
   * bring is not processed. Unlike {@link drop}, sources that are set aside for a time stay so.
   * @param how what is told of it: that nothing is needed, or that the time of what waited is over.
   */
  end(identifier: string, how: "completed" | "expired" = "completed"): void {
    const entry = this.#abort(identifier, "nothing is needed any more");
    if (entry !== undefined) this.#conclude(entry, how);
  }

  /** Aborts all work on an identifier. @returns its entry */
  #abort(identifier: string, why: string): Entry | undefined {
    this.#trials.get(identifier)?.cancellation?.cancel();
    this.#trials.delete(identifier);
    this.#domains.abort(identifier, abortError(why));
    return this.#queue.get(identifier);
  }

  /**
   * Keeps a queued identifier from expiring.
   * @param atLeastMs milliseconds from now.
   * @returns whether the identifier is queued.
   */
  extendExpiry(identifier: string, atLeastMs: number): boolean {
    const entry = this.#queue.get(identifier);
    if (entry === undefined) return false;
    this.#queue.keepUntil(entry, this.#clock.now() + atLeastMs);
    return true;
  }

  /**
   * Runs the main path once, now, without queue and backoff, within the same limits. For a service that does not want to wait
   * for the loop, or whose host ends all work with the request. Works without {@link start}. Never rejects.
   */
  async tryNow(identifier: string): Promise<TryResult> {
    this.#emit?.({ kind: "try-started", identifier });
    const trial = this.#trials.get(identifier) ?? { identifier, users: 0, cancellation: null };
    this.#trials.set(identifier, trial);
    const cancellation = this.#work.begin(trial);
    if (this.#stopping !== null) trial.cancellation?.cancel();
    const result = await this.#tryOnce(identifier, cancellation);
    if (trial.users === 1 && this.#trials.get(identifier) === trial) this.#trials.delete(identifier);
    this.#emit?.({ kind: "try-ended", identifier, result });
    if (!this.has(identifier)) this.#setAside.freshStart(identifier);
    await this.#work.end(trial);
    return result;
  }

  /** Call it after `limitsFor` returns different limits for a domain, to apply them immediately. */
  limitsChanged(domain: string): void {
    this.#domains.limitsChanged(domain);
  }

  /** The state of the engine. Visits all active domains: for a status page, not for each request. */
  inspect(): SyncView {
    return { queued: this.#queue.size, domains: this.#domains.views() };
  }

  /** The loop: every second while identifiers are queued; sooner if more are due than a batch holds. */
  #tick(): void {
    this.#cancelTick = null;
    const now = this.#clock.now();
    let entry = this.#queue.due(now);
    for (let started = 0; entry !== undefined && started < ATTEMPTS_PER_BATCH; started++) {
      if (entry.expiresAt <= now) this.#conclude(entry, "expired");
      else void this.#attempt(entry);
      entry = this.#queue.due(now);
    }
    if (entry === undefined) {
      this.#domains.sweep();
      this.#checkpoint();
    }
    this.#setTick(entry === undefined ? TICK_MS : BATCH_PAUSE_MS);
  }

  #setTick(delayMs = TICK_MS): void {
    if (!this.#running || this.#queue.size === 0) return;
    this.#cancelTick ??= this.#clock.after(delayMs, () => this.#tick());
  }

  /** One attempt of the main path for a queued identifier. */
  async #attempt(entry: Entry): Promise<void> {
    const { identifier } = entry;
    this.#queue.begin(entry);
    this.#emit?.({ kind: "attempt-started", identifier, attempts: entry.attempts });
    const cancellation = this.#work.begin(entry);
    try {
      const tried = new Set<string>();
      const end = await this.#paths.main(identifier, tried, cancellation);
      if (end.kind === "done") this.#finish(entry, end.arrivals);
      if (end.kind === "throttled" && this.#isCurrent(entry)) {
        for (const domain of end.domains) this.#domains.join(identifier, domain, tried);
      }
    } catch (error) {
      this.#emit?.({ kind: "look-up-failed", identifier, error });
    }
    this.#emit?.({ kind: "attempt-ended", identifier });
    if (this.#isCurrent(entry)) this.#queue.backOff(entry, this.#clock.now());
    await this.#work.end(entry);
  }

  async #tryOnce(identifier: string, cancellation: Cancellation): Promise<TryResult> {
    try {
      const end = await this.#paths.main(identifier, new Set(), cancellation);
      if (end.kind === "throttled") return end.domains.size > 0 ? "throttled" : "incomplete";
      if (end.kind === "not ours") return "incomplete";
      const entry = this.#queue.get(identifier);
      if (entry !== undefined && !entry.inProgress) this.#finish(entry, end.arrivals);
      return "complete";
    } catch (error) {
      this.#emit?.({ kind: "look-up-failed", identifier, error });
      return "incomplete";
    }
  }

  /** An identifier's turn in a domain's queue: one source, then to the back or, with none left, out. */
  async #turn(waiter: Waiter, permit: Permit): Promise<void> {
    const { identifier } = waiter.state;
    const entry = this.#queue.get(identifier)!;
    const cancellation = this.#work.begin(entry);
    try {
      const end = await this.#paths.turn(waiter, permit, cancellation);
      if (end.kind === "done") this.#finish(entry, end.arrivals);
      if (end.kind === "requeue") waiter.domain.requeue(waiter);
      else if (end.kind === "put back") waiter.domain.putBack(waiter);
      else waiter.domain.remove(waiter);
    } catch (error) {
      this.#emit?.({ kind: "look-up-failed", identifier, error });
      waiter.domain.remove(waiter);
    }
    await this.#work.end(entry);
  }

  /** Whether an entry is still queued, in an engine that runs. */
  #isCurrent(entry: Entry): boolean {
    return this.#running && this.#queue.get(entry.identifier) === entry;
  }

  /** Removes a complete entry, unless an event arrived after the look-up that said so. */
  #finish(entry: Entry, arrivals: number): void {
    if (!this.#isCurrent(entry) || entry.arrivals !== arrivals) return;
    this.#conclude(entry, "completed");
  }

  /** Removes an entry, and tells why. */
  #conclude(entry: Entry, kind: "completed" | "expired"): void {
    this.#remove(entry);
    this.#emit?.({ kind, identifier: entry.identifier });
  }

  #remove(entry: Entry): void {
    this.#domains.leaveAll(entry.identifier);
    this.#queue.remove(entry);
    entry.cancellation?.cancel();
    this.#setAside.freshStart(entry.identifier);
  }

  /** Why a new identifier is refused; `null`: it is not. */
  #refuses(identifier: string): RefusalReason | null {
    const full = this.#queue.size >= (this.#options.maxQueued ?? MAX_QUEUED);
    if (this.#running && !full) return null;
    const reason = this.#running ? "full" : "stopped";
    this.#emit?.({ kind: "refused", identifier, reason });
    return reason;
  }

  /** Progress of a fetch keeps its identifier; at most once a minute, as data arrives in many small parts. */
  #prolong(identifier: string): void {
    const now = this.#clock.now();
    const entry = this.#queue.get(identifier);
    if (entry === undefined || now - entry.prolongedAt < PROLONG_EVERY_MS) return;
    // Told also where the expiry is at its latest: what the service keeps for the identifier may have shorter terms.
    this.#queue.prolong(entry, now, this.#expiryMs);
    const forMs = entry.expiresAt - now;
    this.#emit?.({ kind: "prolonged", identifier, forMs });
    this.#options.context.onProlonged?.(identifier, forMs);
  }

  /** Sets a source aside, unless a fresh start that came during the fetch would end that. */
  #putAside({ permit, source, arrivals }: Choice<Need>, error: SourceUnusable): void {
    const { identifier } = permit.state;
    const { forMs } = error;
    if (forMs === null && arrivals !== (this.#queue.get(identifier)?.arrivals ?? 0)) return;
    this.#setAside.add(identifier, source.key, forMs);
    this.#emit?.({ kind: "source-set-aside", identifier, source, forMs, error });
  }

  #checkpoint(): void {
    this.#emit?.({ kind: "checkpoint", queued: this.#queue.size });
  }

  async #stop(timeoutMs: number): Promise<SyncSnapshot> {
    this.#running = false;
    this.#cancelTick?.();
    this.#cancelTick = null;
    const reason = abortError("the sync engine stops");
    for (const { cancellation } of [...this.#queue.all(), ...this.#trials.values()]) cancellation?.cancel();
    this.#trials.clear();
    this.#domains.close();
    await this.#work.idle(timeoutMs);
    this.#domains.abortAll(reason);
    this.#lookClock.flush();
    await this.#work.idle(2 * this.#abortGraceMs);
    this.#leases?.abandon();
    const snapshot = {
      identifiers: this.#queue.waiting(this.#clock.now()),
      domains: this.#domains.resting(),
    };
    this.#queue = new Queue();
    this.#domains.open();
    this.#checkpoint();
    return snapshot;
  }
}
