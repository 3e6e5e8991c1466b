/**
 * The live subscriptions of one connection (L7, L13, L31): which are open, which are asked again, and when they are merged.
 * @module
 */
import type { Clock } from "../../platform.ts";
import type { Filter } from "../events/filter.ts";
import { askAgainMs, wantsAuth } from "./complaints.ts";
import type { RelaySyncListener } from "./events.ts";
import { ASK_AGAIN_MS } from "./figures.ts";
import {
  FIRST_LAYER,
  isEmpty,
  joinTargets,
  NO_TARGETS,
  newTargets,
  type Targets,
  targetFilters,
} from "./layers.ts";
import type { Link } from "./link.ts";
import { liveBound, packed, planLive } from "./merging.ts";

interface LiveSubscription {
  readonly filters: readonly Filter[];
  readonly openedMs: number;
  /** How often it was closed in a row. */
  readonly times: number;
  readonly askedAuth: boolean;
  /** Since when its events are missed, in milliseconds since the epoch; `null`: none is. */
  readonly gapFromMs: number | null;
}

/** What was closed, and since when. */
export interface Gap {
  readonly filters: readonly Filter[];
  readonly fromMs: number;
}

/** One that the relay closed. */
interface Closed extends LiveSubscription {
  readonly gapFromMs: number;
  readonly againMs: number;
}

interface LiveParts {
  readonly relay: string;
  readonly clock: Clock;
  readonly emit: RelaySyncListener;
}

export class Live {
  /** What the open subscriptions ask for. */
  covered: Targets = NO_TARGETS;
  readonly #parts: LiveParts;
  readonly #open = new Map<string, LiveSubscription>();
  #closed: Closed[] = [];
  /** Subscriptions that are open again. The gap of each must be filled. */
  #gaps: Gap[] = [];
  #bound = 1;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  /** Whether every subscription that was opened is open. */
  get isWhole(): boolean {
    const isMissing = ({ gapFromMs }: LiveSubscription) => gapFromMs !== null;
    return this.#closed.length + this.#gaps.length === 0 && ![...this.#open.values()].some(isMissing);
  }

  /** Opens everything on a new connection. @param bound subscriptions that the relay allows */
  begin(link: Link, targets: Targets, bound: number): void {
    this.clear();
    this.#bound = bound;
    this.covered = targets;
    const packs = packed([...FIRST_LAYER, ...targetFilters(targets)]);
    const most = liveBound(bound);
    this.#tellNoRoom(packs.slice(most));
    for (const filters of packs.slice(0, most)) void this.#subscribe(link, filters);
  }

  clear(): void {
    this.#open.clear();
    this.#closed = [];
    this.#gaps = [];
    this.covered = NO_TARGETS;
  }

  /**
   * Opens what new targets need. Nothing else is asked of the relay meanwhile, so that old and new ones have room (L13).
   * @returns the filters whose history is to come
   */
  async extend(link: Link, wanted: Targets): Promise<Filter[]> {
    const { relay, emit } = this.#parts;
    const added = newTargets(wanted, this.covered);
    if (isEmpty(added)) return [];
    const filters = targetFilters(added);
    const before = this.#open.size + this.#closed.length;
    const all = () => [...FIRST_LAYER, ...targetFilters(wanted)];
    const plan = planLive(before, filters, all, this.#bound);
    if (plan.kind === "add") {
      for (const pack of plan.open) void this.#subscribe(link, pack);
      this.covered = joinTargets(this.covered, added);
      return filters;
    }
    const old = [...this.#open.keys()];
    this.#closed = [];
    await Promise.all(plan.open.map((pack) => this.#subscribe(link, pack)));
    for (const name of old) {
      this.#open.delete(name);
      link.unsubscribe(name);
    }
    this.covered = wanted;
    this.#tellNoRoom(plan.left);
    emit({ kind: "merged", relay, before, after: plan.open.length });
    return filters;
  }

  /** The relay closed one: it is asked again later, or at once after a proof of our key. */
  async onClosed(link: Link, name: string, text: string): Promise<void> {
    const subscription = this.#open.get(name);
    if (subscription === undefined) return;
    this.#open.delete(name);
    const closedMs = this.#parts.clock.now();
    // One that lived long begins again.
    const times = closedMs - subscription.openedMs >= ASK_AGAIN_MS.most ? 1 : subscription.times + 1;
    const isAuth = wantsAuth(text) && !subscription.askedAuth;
    const inMs = askAgainMs(times);
    const entry: Closed = {
      ...subscription,
      ...{ times, againMs: closedMs + inMs, askedAuth: subscription.askedAuth || isAuth },
      gapFromMs: subscription.gapFromMs ?? closedMs,
    };
    this.#closed.push(entry);
    if (isAuth && (await link.authenticate())) {
      const at = this.#closed.indexOf(entry);
      if (at !== -1) this.#closed[at] = { ...entry, times: subscription.times, againMs: 0 };
      link.wake();
      return;
    }
    const { relay, emit } = this.#parts;
    emit({ kind: "subscription-closed", relay, again: true, inMs });
  }

  /** Time until a closed one is asked again, in milliseconds; `null`: there is none. */
  waitMs(): number | null {
    if (this.#closed.length === 0) return null;
    const first = this.#closed.reduce((least, { againMs }) => Math.min(least, againMs), Infinity);
    return Math.max(0, first - this.#parts.clock.now());
  }

  /** Asks again for what is due. */
  askAgain(link: Link): void {
    const now = this.#parts.clock.now();
    const due = this.#closed.filter(({ againMs }) => againMs <= now);
    this.#closed = this.#closed.filter(({ againMs }) => againMs > now);
    for (const closed of due) void this.#subscribe(link, closed.filters, closed);
  }

  /** Takes the subscriptions that opened again since the last call. The gap of each must be filled. */
  takeGaps(): Gap[] {
    return this.#gaps.splice(0);
  }

  async #subscribe(link: Link, filters: readonly Filter[], before?: Closed): Promise<void> {
    const { name, isOpen } = link.live(filters);
    const { times, askedAuth, gapFromMs } = before ?? { times: 0, askedAuth: false, gapFromMs: null };
    const subscription = { filters, openedMs: this.#parts.clock.now(), times, askedAuth, gapFromMs };
    this.#open.set(name, subscription);
    if (!(await isOpen) || gapFromMs === null || this.#open.get(name) !== subscription) return;
    this.#open.set(name, { ...subscription, gapFromMs: null });
    this.#gaps.push({ filters, fromMs: gapFromMs });
    link.wake();
  }

  #tellNoRoom(left: readonly (readonly Filter[])[] | number): void {
    const filters = typeof left === "number" ? left : left.reduce((sum, one) => sum + one.length, 0);
    if (filters > 0) this.#parts.emit({ kind: "no-room", relay: this.#parts.relay, filters });
  }
}
