import { isPending } from "../lib/within.ts";
import type { Clock, RateLimiter } from "../platform.ts";
import type { Outcome, SyncEvent, SyncListener } from "./events.ts";
import { Health } from "./health.ts";
import { type IdentifierState, Permit, type PermitDomain, Waiter } from "./permit.ts";
import { RankedQueue } from "./ranked-queue.ts";
import type { DomainLimits } from "./schedule.ts";
import { StartWindow } from "./start-window.ts";
import { HeapItem } from "./time-heap.ts";
import { CapacityWaiter, type TotalCapacity } from "./total-capacity.ts";

/** What all domains of one engine share. */
export interface DomainOwner {
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  readonly emit: SyncListener | undefined;
  /** The bound over all domains; `null`: none. */
  readonly capacity: TotalCapacity | null;
  /** Prefix of the limiter's keys. */
  readonly keyPrefix: string;
  /** True while nothing new may start. */
  readonly isClosed: boolean;
  limitsOf(domain: string): DomainLimits;
  /** Gives an identifier its turn. The callee ends the permit, then requeues, puts back or removes the waiter. */
  onTurn(waiter: Waiter, permit: Permit): void;
  /** Called when a permit ended or a waiter left, to forget what is idle. */
  tidy(domain: Domain, state: IdentifierState): void;
}

/**
 * One remote server: how many fetches it may have, how well it is, and which identifier is next. Room is taken when a source
 * is chosen, not when the fetch starts. Nothing polls: a turn is given when an identifier joins, when a permit ends, and when
 * a closed domain opens; a closed domain with a queue has one timer for that. Times are milliseconds on the engine's clock.
 */
export class Domain extends HeapItem implements PermitDomain {
  readonly name: string;
  readonly health = new Health<Permit>();
  /** Identifiers in its queue, whatever their status. */
  waiting = 0;
  /** Permits that have not ended. */
  permits = 0;
  /** Those of them whose start is not counted in the window yet. */
  choosing = 0;
  readonly window: StartWindow;
  /** When a permit last ended. */
  settledAt = 0;
  readonly #owner: DomainOwner;
  readonly #queue = new RankedQueue<Waiter>();
  readonly #capacityWaiter: CapacityWaiter | null;
  #timerAt = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(name: string, owner: DomainOwner) {
    super();
    this.name = name;
    this.#owner = owner;
    const { keyPrefix, clock, limiter, emit } = owner;
    this.window = new StartWindow(`${keyPrefix}sync:${name}`, clock, limiter, (error) =>
      emit?.({ kind: "limiter-failed", domain: name, error }),
    );
    this.#capacityWaiter =
      owner.capacity !== null
        ? new CapacityWaiter(
            () => this.#giveTurn(),
            () => this.#queue.isOnLast,
          )
        : null;
  }

  /** When time no longer prevents a fetch. */
  get opensAt(): number {
    return Math.max(this.window.opensAt, this.health.wakesAt);
  }

  /**
   * Whether an identifier outside the queue may be fetched now: there is room, and the queue has none before it.
   * @param isLast whether it goes behind all others.
   */
  hasRoomForNewcomer(isLast: boolean): boolean {
    const isNext = this.waiting === 0 || this.#queue.isFreeFor(isLast);
    return isNext && !this.#owner.capacity?.isFull && this.#hasRoom();
  }

  /** Takes room for one fetch. The only place where capacity is taken. */
  issue(state: IdentifierState, waiter: Waiter | null): Permit {
    const permit = new Permit(this, state, waiter);
    this.permits++;
    this.choosing++;
    this.#owner.capacity?.take();
    if (this.health.rests > 0) this.health.probe = permit;
    state.add(permit);
    return permit;
  }

  /** See {@link Permit.start}. If the window has no room, the domain is closed until it has. */
  start(permit: Permit): boolean | Promise<boolean> {
    if (!this.#hasPassed(this.window.opensAt)) return false;
    const limits = this.#owner.limitsOf(this.name);
    if (!this.#mayStart(permit, limits)) return false;
    const taken = this.window.take(limits.maxPerMinute);
    if (!isPending(taken)) return taken && this.#started(permit);
    // The domain may have been put to rest while the limiter was asked.
    const mayStart = () => this.#mayStart(permit, this.#owner.limitsOf(this.name));
    return taken.then((admitted) => admitted && mayStart() && this.#started(permit));
  }

  /** See {@link Permit.anotherStart}. */
  async anotherStart(): Promise<boolean> {
    const { maxPerMinute } = this.#owner.limitsOf(this.name);
    if (!this.#hasPassed(this.opensAt) || maxPerMinute < 1) return false;
    return (await this.window.take(maxPerMinute)) && this.#hasPassed(this.health.wakesAt);
  }

  /** See {@link Permit.end}. */
  settle(permit: Permit, outcome: Outcome | null, retryAfterMs: number | null): void {
    const { clock, emit, capacity } = this.#owner;
    const { state, waiter, phase } = permit;
    const now = clock.now();
    this.settledAt = now;
    this.permits--;
    if (phase === "chosen") this.choosing--;
    permit.phase = "ended";
    permit.onAbort = null;
    const restMs = this.health.recordOutcome(permit, outcome, retryAfterMs, now);
    if (restMs > 0) emit?.({ kind: "domain-rested", domain: this.name, because: outcome!, restMs });
    state.remove(permit);
    capacity?.release();
    // While a waiter has its turn, it is not parked and its identifier is not idle: most permits are spared these look-ups.
    const hasTurn = waiter?.status === "turn";
    const parked = hasTurn ? undefined : state.waiters.get(this.name);
    if (parked?.status === "parked") this.#takePlace(parked);
    this.wake();
    if (!hasTurn) this.#owner.tidy(this, state);
  }

  /** Adds an identifier to the queue. @param tried keys of sources that need not be tried again. */
  join(state: IdentifierState, tried: ReadonlySet<string>): void {
    let waiter = state.waiters.get(this.name);
    if (waiter === undefined) {
      waiter = new Waiter(state, this);
      state.waiters.set(this.name, waiter);
      this.waiting++;
      this.#pushBack(waiter, "domain-joined");
    }
    waiter.addTried(tried);
    this.wake();
  }

  /** After a turn: to the back of the queue. */
  requeue(waiter: Waiter): void {
    if (waiter.status !== "turn") return;
    this.#pushBack(waiter, "domain-requeued");
    this.wake();
  }

  /** After a turn that the window did not allow: to the old position. */
  putBack(waiter: Waiter): void {
    if (waiter.status !== "turn") return;
    this.#takePlace(waiter);
    this.wake();
  }

  /** Removes a waiter, whatever its status. */
  remove(waiter: Waiter): void {
    if (waiter.status === "left") return;
    if (waiter.status === "queued") this.#queue.remove(waiter);
    waiter.status = "left";
    this.waiting--;
    waiter.state.waiters.delete(this.name);
    this.#tell("domain-left", waiter);
    this.wake();
    this.#owner.tidy(this, waiter.state);
  }

  /** Applies changed limits at once. */
  limitsChanged(): void {
    this.window.opensAt = 0;
    this.wake();
  }

  /** Gives turns while there is room, and keeps the timer right. */
  wake(): void {
    const { capacity } = this.#owner;
    if (capacity === null || this.#capacityWaiter === null) {
      while (this.waiting > 0 && this.#giveTurn());
    } else {
      if (this.#canGiveTurn()) capacity.lineUp(this.#capacityWaiter);
      capacity.serve();
    }
    if (this.waiting > 0 || this.#cancelTimer !== null) this.#setTimer();
  }

  /** Whether a time has passed. For 0, a domain that was never closed, without the clock: reading it is costly beside a step. */
  #hasPassed(time: number): boolean {
    return time === 0 || this.#owner.clock.now() >= time;
  }

  #canGiveTurn(): boolean {
    return !this.#owner.isClosed && !this.#queue.isEmpty && this.#hasRoom();
  }

  /** Gives one turn, if a waiting identifier and room for it are there. */
  #giveTurn(): boolean {
    while (this.#canGiveTurn()) {
      const waiter = this.#queue.shift()!;
      if (waiter.state.isFetchedFrom(this)) {
        waiter.status = "parked";
        this.#tell("domain-parked", waiter);
        continue;
      }
      waiter.status = "turn";
      const permit = this.issue(waiter.state, waiter);
      const { clock, emit } = this.#owner;
      emit?.({
        kind: "domain-turn",
        identifier: waiter.state.identifier,
        domain: this.name,
        waitedMs: clock.now() - waiter.since,
      });
      this.#owner.onTurn(waiter, permit);
      return true;
    }
    return false;
  }

  /** A closed domain with a queue has a timer for its opening; no other domain has one. */
  #setTimer(): void {
    const { clock, isClosed } = this.#owner;
    const at = this.opensAt;
    const wanted = !isClosed && !this.#queue.isEmpty && !this.#hasPassed(at);
    if (wanted && this.#cancelTimer !== null && this.#timerAt === at) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (!wanted) return;
    this.#timerAt = at;
    this.#cancelTimer = clock.after(at - clock.now(), () => {
      this.#cancelTimer = null;
      this.wake();
    });
  }

  /**
   * Whether one more source of this domain may be chosen now. No more identifiers choose at once than the window was last
   * known to have room for (at least one, to find out): the others would look up their needs in vain.
   */
  #hasRoom(): boolean {
    const { maxConcurrent, maxPerMinute } = this.#owner.limitsOf(this.name);
    return (
      this.permits < maxConcurrent &&
      maxPerMinute >= 1 &&
      this.choosing < Math.max(1, this.window.remaining) &&
      (this.health.rests === 0 || this.health.probe === null) &&
      this.#hasPassed(this.opensAt)
    );
  }

  /**
   * Whether the fetch of a permit may still start; the window is not asked here. Between choice and start the context is asked
   * what is needed: meanwhile the domain may have been put to rest, or its limits lowered.
   */
  #mayStart(permit: Permit, { maxConcurrent, maxPerMinute }: DomainLimits): boolean {
    const { health } = this;
    const may =
      this.permits - this.choosing < maxConcurrent &&
      maxPerMinute >= 1 &&
      (health.rests === 0 || health.probe === permit || health.probe === null) &&
      this.#hasPassed(health.wakesAt);
    if (may && health.rests > 0) health.probe = permit;
    return may;
  }

  /** The start is counted: the next identifier may choose. */
  #started(permit: Permit): true {
    permit.phase = "started";
    this.choosing--;
    this.wake();
    return true;
  }

  #pushBack(waiter: Waiter, kind: "domain-joined" | "domain-requeued"): void {
    waiter.status = "queued";
    waiter.since = this.#owner.clock.now();
    this.#queue.pushBack(waiter);
    this.#tell(kind, waiter);
  }

  /** Returns a waiter to its old position: it lost its turn through no fault of its own. */
  #takePlace(waiter: Waiter): void {
    waiter.status = "queued";
    this.#queue.putBack(waiter);
    this.#tell("domain-place-kept", waiter);
  }

  #tell(kind: WaiterEventKind, { state }: Waiter): void {
    this.#owner.emit?.({ kind, identifier: state.identifier, domain: this.name });
  }
}

/** The events that say no more than which identifier and which domain. */
type WaiterEventKind = Extract<
  SyncEvent["kind"],
  `domain-${"joined" | "requeued" | "place-kept" | "parked" | "left"}`
>;
