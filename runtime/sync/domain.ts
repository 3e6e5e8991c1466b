import { type Linked, Ring } from "./ring.ts";
import {
  ASKED_REST_MS,
  type DomainLimits,
  FAILURES_TO_REST,
  MAX_ASKED_REST_MS,
  MIN_ASKED_REST_MS,
  restMs,
} from "./schedule.ts";
import type { Meter } from "./telemetry.ts";
import type { Timed } from "./time-heap.ts";

/** How a fetch ended. */
export type Outcome = "obtained" | "empty" | "failed" | "timeout" | "limited" | "aborted";

/** What the throttle holds for one identifier, while it holds anything. */
export interface Subject {
  readonly identifier: string;
  /** The newest of its fetches, begun or about to begin, which leads to the older ones. Rarely is there a second. */
  newest: Slot | null;
  /** Where it is queued, by the domain's name. */
  readonly waiters: Map<string, Waiter>;
}

/** Room for one fetch, held from the moment a source is chosen until the fetch settles. */
export interface Slot {
  readonly domain: Domain;
  readonly subject: Subject;
  /** Whose turn it is held for; `null`: the main path's. */
  readonly waiter: Waiter | null;
  /** The identifier's next older slot. */
  older: Slot | null;
  /** True until its start is counted in the window. */
  choosing: boolean;
  released: boolean;
  /** Why its fetch is not wanted any more, or `null`. */
  aborted: Error | null;
  /** Ends the fetch early; `null` while none is under way. */
  abort: ((reason: Error) => void) | null;
}

/** One identifier in the queue of one domain. */
export interface Waiter extends Linked {
  readonly subject: Subject;
  readonly domain: Domain;
  /** URLs that need not be tried again: those that the main path tried before the hand-over, and its own. Often none. */
  tried: Set<string> | null;
  /** When it joined, or went to the back. */
  since: number;
  /** `parked`: out of the ring while the main path fetches the identifier from this very domain. */
  state: "queued" | "turn" | "parked" | "left";
}

/** What is known of one remote server. Times are milliseconds on the engine's clock. */
export interface Domain extends Timed {
  readonly name: string;
  readonly meter: Meter;
  readonly ring: Ring<Waiter>;
  /** Identifiers in its queue, whatever their state. */
  waiting: number;
  /** Slots held. */
  slots: number;
  /** Those of them whose start is not yet counted in the window. */
  choosing: number;
  /** How many starts the window was last known to have room for. */
  remaining: number;
  /** The window is full until then. */
  windowOpensAt: number;
  /** The server asked to be left alone until then. */
  askedUntil: number;
  /** It rests until then because it fails. */
  restsUntil: number;
  /** Failures in a row while it is trusted. */
  failures: number;
  /** Rests in a row; above 0 it is on probation: one fetch at a time may show whether it is well again. */
  rests: number;
  /** That one fetch. */
  probe: Slot | null;
  /** When a slot last came back. */
  settledAt: number;
  /** When its timer goes off, and how to stop that. */
  timerAt: number;
  cancelTimer: (() => void) | null;
}

/** A domain of which nothing is known yet. */
export function newDomain(name: string, meter: Meter): Domain {
  return {
    name,
    meter,
    ring: new Ring(),
    waiting: 0,
    slots: 0,
    choosing: 0,
    remaining: Number.POSITIVE_INFINITY,
    windowOpensAt: 0,
    askedUntil: 0,
    restsUntil: 0,
    failures: 0,
    rests: 0,
    probe: null,
    settledAt: 0,
    timerAt: 0,
    cancelTimer: null,
    dueAt: 0,
    order: 0,
    heapIndex: -1,
  };
}

/** Takes a slot out of its identifier's chain. */
export function letGo(slot: Slot): void {
  const { subject, older } = slot;
  let newer: Slot | null = null;
  for (let at = subject.newest; at !== slot; at = at!.older) newer = at;
  if (newer === null) subject.newest = older;
  else newer.older = older;
}

/** When the domain may be asked again, as far as time alone decides it. */
export function opensAt(domain: Domain): number {
  return Math.max(domain.windowOpensAt, wakesAt(domain));
}

/** When the domain's rest ends, for whatever reason it rests. */
function wakesAt(domain: Domain): number {
  return Math.max(domain.askedUntil, domain.restsUntil);
}

/**
 * Whether one more source of this domain may be chosen now. No more identifiers are put to choosing at once than the
 * window was last known to have room for (one at least, to find out): the others would look up their needs in vain.
 */
export function hasRoom(domain: Domain, limits: DomainLimits, now: number): boolean {
  return (
    domain.slots < limits.maxConcurrent &&
    limits.maxPerMinute >= 1 &&
    domain.choosing < Math.max(1, domain.remaining) &&
    (domain.rests === 0 || domain.probe === null) &&
    now >= opensAt(domain)
  );
}

/**
 * Whether the fetch for which a slot is held may still begin. Between the choice and the start the context is asked what is
 * needed; the domain may have been put to rest meanwhile, or its limits lowered. The window is not looked at here.
 */
export function mayBegin(domain: Domain, slot: Slot, limits: DomainLimits, now: number): boolean {
  return (
    domain.slots - domain.choosing < limits.maxConcurrent &&
    limits.maxPerMinute >= 1 &&
    (domain.rests === 0 || domain.probe === slot || domain.probe === null) &&
    now >= wakesAt(domain)
  );
}

/**
 * Learns from how a fetch ended. A success closes every doubt; failures in a row, or a failed probe, lead to a rest; a
 * request for fewer requests is obeyed and says nothing about health.
 * @param retryAfterMs how long the server asked for, if it did.
 * @returns how long the domain rests because of this, in milliseconds; 0 if it does not.
 */
export function learn(
  domain: Domain,
  outcome: Outcome,
  wasProbe: boolean,
  retryAfterMs: number | null,
  now: number,
): number {
  switch (outcome) {
    case "obtained":
    case "empty":
      domain.failures = 0;
      domain.rests = 0;
      domain.restsUntil = 0;
      return 0;
    case "limited": {
      const asked = Math.min(Math.max(retryAfterMs ?? ASKED_REST_MS, MIN_ASKED_REST_MS), MAX_ASKED_REST_MS);
      domain.askedUntil = Math.max(domain.askedUntil, now + asked);
      return asked;
    }
    case "failed":
    case "timeout":
      // Fetches begun before the rest settle during it; they tell nothing new.
      if (domain.rests > 0 && !wasProbe) return 0;
      if (++domain.failures < FAILURES_TO_REST && domain.rests === 0) return 0;
      domain.rests++;
      domain.restsUntil = now + restMs(domain.rests);
      return restMs(domain.rests);
    case "aborted":
      return 0;
  }
}

/** An idle domain that fails is remembered this long after it may be asked again. */
const REMEMBER_MS = 600_000;

/** Until when an idle domain must be remembered; a time that is past: not at all. */
export function rememberUntil(domain: Domain): number {
  const opens = opensAt(domain);
  return domain.failures > 0 || domain.rests > 0 ? Math.max(opens, domain.settledAt) + REMEMBER_MS : opens;
}
