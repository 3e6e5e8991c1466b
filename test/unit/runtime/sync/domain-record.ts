import type { SyncEvent } from "../../../../runtime/sync/index.ts";
import type { Start } from "./harness.ts";

/** A time as elapsed time, and on a clock that only goes forward. */
export interface Moment {
  elapsed: number;
  steady: number;
}

/** Whose turn an identifier saw while it waited, and how often. */
type Seen = Map<string, number>;

/** What one domain did, as far as it can be seen from outside. */
export class DomainRecord {
  /** When its requests started, on a clock that only goes forward. */
  readonly starts: number[] = [];
  readonly inFlight = new Set<Start>();
  /** Identifiers in its queue that wait for a turn. */
  readonly waiting = new Map<string, Seen>();
  /** Identifiers that have their turn: they may return to their old position. */
  readonly #onTurn = new Map<string, Seen>();
  /** Identifiers that were skipped because they were being fetched from this domain. */
  readonly parked = new Map<string, Seen>();
  /** What was in flight when the last rest started. */
  begunBefore = new Set<Start>();
  /** End of the rest because of failures, and of the rest that the server asked for. */
  restsUntil: Moment = { elapsed: 0, steady: 0 };
  askedUntil: Moment = { elapsed: 0, steady: 0 };
  /** It rested because it failed, and has not succeeded since. */
  onProbation = false;

  queued(identifier: string): void {
    this.waiting.set(identifier, new Map());
    this.#onTurn.delete(identifier);
  }

  /** @returns for each waiting identifier, how many turns of this one it saw. */
  turn(identifier: string): { other: string; turns: number }[] {
    this.#onTurn.set(identifier, this.waiting.get(identifier) ?? new Map());
    this.waiting.delete(identifier);
    return [...this.waiting].map(([other, seen]) => {
      const turns = (seen.get(identifier) ?? 0) + 1;
      seen.set(identifier, turns);
      return { other, turns };
    });
  }

  placeKept(identifier: string): void {
    const parked = this.parked.get(identifier);
    this.waiting.set(identifier, parked ?? this.#onTurn.get(identifier) ?? new Map());
    this.parked.delete(identifier);
    this.#onTurn.delete(identifier);
    if (parked !== undefined) return;
    // The turn came to nothing.
    for (const seen of [...this.waiting.values(), ...this.#onTurn.values()]) {
      if (seen.has(identifier)) seen.set(identifier, seen.get(identifier)! - 1);
    }
  }

  park(identifier: string): void {
    this.parked.set(identifier, this.waiting.get(identifier) ?? new Map());
    this.waiting.delete(identifier);
  }

  left(identifier: string): void {
    this.waiting.delete(identifier);
    this.parked.delete(identifier);
    this.#onTurn.delete(identifier);
  }

  rested({ because, restMs }: Extract<SyncEvent, { kind: "domain-rested" }>, now: Moment): void {
    const until = { elapsed: now.elapsed + restMs, steady: now.steady + restMs };
    if (because === "limited") {
      if (until.elapsed > this.askedUntil.elapsed) this.askedUntil = until;
      return;
    }
    this.restsUntil = until;
    this.begunBefore = new Set(this.inFlight);
    this.onProbation = true;
  }

  /** The engine stopped: its queues are empty. */
  empty(): void {
    this.waiting.clear();
    this.#onTurn.clear();
    this.parked.clear();
  }
}
