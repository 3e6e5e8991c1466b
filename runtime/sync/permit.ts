/**
 * What one identifier has at a domain: its place in the queue, and the room that it holds for its fetches.
 * @module
 */
import type { Outcome } from "./events.ts";
import { FifoItem } from "./fifo-list.ts";

const OLDER = Symbol("older");

/** A domain, as its permits and waiters need it. */
export interface PermitDomain {
  readonly name: string;
  /** See {@link Permit.start}. */
  start(permit: Permit): boolean | Promise<boolean>;
  /** See {@link Permit.anotherStart}. */
  anotherStart(): Promise<boolean>;
  /** See {@link Permit.end}. */
  settle(permit: Permit, outcome: Outcome | null, retryAfterMs: number | null): void;
  /** After a turn: to the back of the queue. */
  requeue(waiter: Waiter): void;
  /** After a turn that the window did not allow: to the old position. */
  putBack(waiter: Waiter): void;
  /** Removes a waiter, whatever its status. */
  remove(waiter: Waiter): void;
}

/** What the domains hold for one identifier, while they hold anything. */
export class IdentifierState {
  readonly identifier: string;
  /** Whether it goes behind all others. */
  readonly isLast: boolean;
  /** Where it is queued, by the domain's name. */
  readonly waiters = new Map<string, Waiter>();
  /** Its permits form a chain from the newest to the oldest: there is rarely a second. */
  #newest: Permit | null = null;

  constructor(identifier: string, isLast: boolean) {
    this.identifier = identifier;
    this.isLast = isLast;
  }

  get isIdle(): boolean {
    return this.#newest === null && this.waiters.size === 0;
  }

  add(permit: Permit): void {
    permit[OLDER] = this.#newest;
    this.#newest = permit;
  }

  remove(permit: Permit): void {
    let newer: Permit | null = null;
    for (let at = this.#newest; at !== permit; at = at![OLDER]) newer = at;
    if (newer === null) this.#newest = permit[OLDER];
    else newer[OLDER] = permit[OLDER];
  }

  /** Whether the identifier is being fetched from the domain, or about to be. */
  isFetchedFrom(domain: PermitDomain): boolean {
    for (let at = this.#newest; at !== null; at = at[OLDER]) if (at.domain === domain) return true;
    return false;
  }

  /** Aborts all its fetches, started or not. */
  abort(reason: Error): void {
    for (let at = this.#newest; at !== null; at = at[OLDER]) at.abort(reason);
  }
}

/** One identifier in the queue of one domain. */
export class Waiter extends FifoItem {
  readonly state: IdentifierState;
  readonly domain: PermitDomain;
  /** Keys of sources that need not be tried again; often none. */
  tried: Set<string> | null = null;
  /** When it joined, or went to the back. */
  since = 0;
  /** `parked`: out of the queue while the identifier is being fetched from this domain. */
  status: "queued" | "turn" | "parked" | "left" = "queued";

  constructor(state: IdentifierState, domain: PermitDomain) {
    super();
    this.state = state;
    this.domain = domain;
  }

  get isLast(): boolean {
    return this.state.isLast;
  }

  /** Marks sources as tried. */
  addTried(keys: Iterable<string>): void {
    for (const key of keys) {
      this.tried ??= new Set();
      this.tried.add(key);
    }
  }
}

/** Room for one fetch, held from the choice of its source until the fetch has ended. Its owner calls {@link end} once. */
export class Permit {
  readonly domain: PermitDomain;
  readonly state: IdentifierState;
  /** Whose turn it belongs to; `null`: the main path's. */
  readonly waiter: Waiter | null;
  /** `chosen`: the start is not counted in the window yet. */
  phase: "chosen" | "started" | "ended" = "chosen";
  /** When its fetch last made progress; 0: not yet. */
  progressAt = 0;
  /** Why its fetch is not wanted any more; `null`: it is wanted. */
  aborted: Error | null = null;
  /** Called by {@link abort} while a fetch runs. */
  onAbort: ((reason: Error) => void) | null = null;
  [OLDER]: Permit | null = null;

  constructor(domain: PermitDomain, state: IdentifierState, waiter: Waiter | null) {
    this.domain = domain;
    this.state = state;
    this.waiter = waiter;
  }

  /**
   * Counts the start of the fetch in the domain's window. Synchronous if the limiter is, so that nothing runs between the
   * count and the start.
   * @returns whether the fetch may start.
   */
  start(): boolean | Promise<boolean> {
    return this.domain.start(this);
  }

  /** Counts one more request of the running fetch. @returns whether the domain may be asked now. */
  async anotherStart(): Promise<boolean> {
    return this.phase === "started" && (await this.domain.anotherStart());
  }

  /** Gives the room back. @param outcome `null`: nothing was fetched. @param retryAfterMs what the server asked for. */
  end(outcome: Outcome | null, retryAfterMs: number | null = null): void {
    this.domain.settle(this, outcome, retryAfterMs);
  }

  abort(reason: Error): void {
    this.aborted = reason;
    this.onAbort?.(reason);
  }
}
