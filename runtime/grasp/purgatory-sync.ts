/**
 * Purgatory sync: brings waiting events their Git data from other servers, by the sync engine (S1 to S16). It listens to what happens
 * in GRASP; the engine decides when a server is asked.
 * @module
 */
import type { Clock, RateLimiter } from "../platform.ts";
import {
  combineListeners,
  DELAYS_MS,
  SyncEngine,
  type SyncListener,
  type SyncSnapshot,
  type SyncView,
} from "../sync/index.ts";
import { isArchiveOnly } from "./archive.ts";
import { type NostrEvent, tagValue } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import type { GraspHappening } from "./happenings.ts";
import type { Known } from "./known.ts";
import type { EventStore } from "./ports.ts";
import { type Entry, identifiersOf, type Source } from "./purgatory/entry.ts";
import {
  type Arrival,
  type ContextParts,
  GitSyncContext,
  type TargetedNeed,
} from "./purgatory-sync/context.ts";
import { type Asked, AskedHistory } from "./purgatory-sync/history.ts";

/** Fetches in all domains at once (G30). */
const MAX_FETCHES = 16;
/** A server that hangs holds back no other: the next is asked beside it, up to this number (S14). */
const SOURCES_AT_ONCE = 4;
const PATIENCE = { idleMs: 5_000, totalMs: 60_000 };
/** A process group needs time to end, in milliseconds. */
const ABORT_GRACE_MS = 5_000;

/** What purgatory sync needs. */
export interface PurgatorySyncParts extends Omit<ContextParts, "keepQueued"> {
  readonly store: ContextParts["store"] & Pick<EventStore, "journal">;
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  readonly onEvent: SyncListener;
}

export class PurgatorySync {
  readonly #parts: PurgatorySyncParts;
  readonly #context: GitSyncContext;
  readonly #engine: SyncEngine<TargetedNeed, string, Arrival>;
  readonly #history: AskedHistory;
  /** Entries that other servers were found to serve. */
  readonly #hurried = new WeakSet<Entry>();
  #stopListening = () => {};

  constructor(parts: PurgatorySyncParts) {
    const { clock, limiter, onEvent, rules } = parts;
    this.#parts = parts;
    this.#history = new AskedHistory(() => clock.now());
    this.#context = new GitSyncContext({
      ...parts,
      keepQueued: (identifier, forMs) => void this.#engine.extendExpiry(identifier, forMs),
    });
    this.#engine = new SyncEngine({
      context: this.#context,
      clock,
      limiter,
      onEvent: combineListeners(onEvent, this.#history.listen, this.#context.listen),
      keyPrefix: "grasp:",
      // A large import does not hold up our own users (X5).
      goesLast: (identifier) => isArchivedOnly(identifier, parts.grasp.known),
      maxConcurrentTotal: MAX_FETCHES,
      mainPathConcurrency: SOURCES_AT_ONCE,
      mainPathPatience: PATIENCE,
      abortGraceMs: ABORT_GRACE_MS,
      ownHosts: rules.ownHosts,
    });
  }

  /** Starts, with everything that waits (P30). @param snapshot what {@link stop} returned in an earlier run */
  start(snapshot?: SyncSnapshot): void {
    this.#engine.start(snapshot);
    this.#stopListening = this.#parts.grasp.onHappening(this.#hear);
    const nowMs = this.#parts.clock.now();
    for (const entry of this.#parts.store.journal()) {
      const waitedMs = nowMs - entry.arrivedMs;
      this.#enqueue(entry, Math.max(DELAYS_MS.immediate, delayOf(entry.source) - waitedMs));
    }
  }

  /** Stops: running fetches have `timeoutMs` milliseconds (O21). Leaves no process, no quarantine and no timer. */
  async stop(timeoutMs: number): Promise<SyncSnapshot> {
    this.#stopListening();
    return this.#engine.stop(timeoutMs);
  }

  /** Which servers were asked for an identifier, and what they answered, the newest first (G27, S26). */
  asked(identifier: string): Asked[] {
    return this.#history.of(identifier);
  }

  /** Whether an identifier is in the queue. */
  isQueued(identifier: string): boolean {
    return this.#engine.has(identifier);
  }

  /** The state of the engine, for a status page. */
  inspect(): SyncView {
    return this.#engine.inspect();
  }

  /** Asks now for what an identifier needs, as an operator may wish (O14). @returns whether anything waits for it */
  syncNow(identifier: string): boolean {
    const isPending = this.#context.isPending(identifier);
    if (isPending) this.#engine.enqueue(identifier, 0);
    return isPending;
  }

  /**
   * Fetches what an owner's repository has lost (S25). What is there is not trusted.
   * @param events served ones, which name the objects; none: nothing is lost
   */
  repair(owner: string, identifier: string, events: readonly NostrEvent[]): void {
    this.#context.setRepair(owner, identifier, events);
    if (events.length > 0) this.#engine.enqueue(identifier, DELAYS_MS.default);
  }

  readonly #hear = (happening: GraspHappening): void => {
    switch (happening.kind) {
      case "waits":
        if (happening.entry.store === "announcement") {
          this.#announced(happening.entry.event, happening.entry.source);
        } else this.#enqueue(happening.entry, delayOf(happening.entry.source));
        break;
      case "served":
        if (happening.event.kind === KIND.announcement) this.#announced(happening.event, "sync");
        break;
      case "served-elsewhere":
        this.#isServedElsewhere(happening.entry);
        break;
      case "left":
        this.#leave(happening.entry, happening.because === "expired" ? "expired" : "completed");
        break;
      default:
    }
  };

  /** S1. An announcement waits for states, and a placeholder for its event: neither needs objects. */
  #enqueue(entry: Entry, delayMs: number): void {
    if (entry.store === "announcement" || entry.store === "placeholder") return;
    for (const identifier of identifiersOf(entry)) this.#engine.enqueue(identifier, delayMs);
  }

  /**
   * A server that serves an event has its Git data, so that the push is not waited for any longer (S1). Once an event: a server that
   * sends copies again and again does not make us ask others each time.
   */
  #isServedElsewhere(entry: Entry): void {
    if (this.#hurried.has(entry)) return;
    this.#hurried.add(entry);
    this.#enqueue(entry, DELAYS_MS.immediate);
  }

  /** An announcement may name servers that were not asked yet. */
  #announced(event: NostrEvent, source: Source): void {
    const identifier = tagValue(event, "d") ?? "";
    if (this.#context.isPending(identifier)) this.#engine.enqueue(identifier, delayOf(source));
  }

  /** The last entry of an identifier takes the queue's with it, and aborts its fetches (S16, P36). */
  #leave(entry: Entry, how: "completed" | "expired"): void {
    if (entry.store === "announcement" || entry.store === "placeholder") return;
    for (const identifier of identifiersOf(entry)) {
      if (!this.#context.isPending(identifier)) this.#engine.end(identifier, how);
    }
  }
}

/** The first delay (S1). */
function delayOf(source: Source): number {
  return source === "direct" ? DELAYS_MS.default : DELAYS_MS.immediate;
}

/** Whether all repositories of an identifier are here by a rule of the archive alone (X5). */
function isArchivedOnly(identifier: string, known: Known): boolean {
  const hosted = [...known.announcements(identifier).values()].filter(({ isHosted }) => isHosted);
  return (
    hosted.length > 0 && hosted.every(({ announcement }) => isArchiveOnly(announcement, known.ourselves))
  );
}
