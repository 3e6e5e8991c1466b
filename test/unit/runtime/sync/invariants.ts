import type { DomainLimits } from "../../../../runtime/sync/schedule.ts";
import type { End, Stage, Start } from "./stage.ts";

const WINDOW_MS = 60_000;

/** In time that really passed, and on a clock that only goes forward. */
interface Moment {
  elapsed: number;
  steady: number;
}

/** What one domain did, as far as it can be seen from outside. */
interface DomainRecord {
  /** When its fetches began, on a clock that only goes forward. */
  starts: number[];
  inFlight: Set<Start>;
  /** Identifiers in its queue that wait for a turn, and whose turn each of them saw meanwhile. */
  waiting: Map<string, Map<string, number>>;
  /** What `waiting` said of those whose turn it is: they may get their place back. */
  onTurn: Map<string, Map<string, number>>;
  /** What it said of those who were passed over because the main path was fetching them from this domain. */
  parked: Map<string, Map<string, number>>;
  /** What was in flight when the last rest began. */
  begunBefore: Set<Start>;
  /** When the rest ends that it was put to because it fails, and the one that it asked for. */
  restsUntil: Moment;
  askedUntil: Moment;
  /** It rested because it failed, and has not succeeded since. */
  onProbation: boolean;
}

/**
 * Watches an engine from outside and throws at the first step after one of its promises is broken. What it knows it has from the
 * fetches that begin and end, and from the engine's log of who waits for whom.
 */
export class Invariants {
  readonly #stage: Stage;
  readonly #limitsOf: (domain: string) => DomainLimits;
  readonly #domains = new Map<string, DomainRecord>();
  /** Identifiers that may be fetched, and when they last arrived. */
  readonly admitted = new Map<string, { steady: number }>();
  /** Identifiers that the main path is at. */
  readonly #attempts = new Set<string>();
  /** Identifiers that are tried now, and how often at once. */
  readonly #trying = new Map<string, number>();
  /** Fetches that ended. */
  ended = 0;
  #forward = 0;
  #broken: BrokenPromise | null = null;
  /** Whether the wall time was ever set back: what passed just before that nobody can know, so openings may be late. */
  #wentBack = false;
  readonly #trace: { elapsed: number; text: string; fields?: Record<string, unknown> }[] = [];

  constructor(stage: Stage, limitsOf: (domain: string) => DomainLimits) {
    this.#stage = stage;
    this.#limitsOf = limitsOf;
  }

  /** Throws if a promise was broken since; where that is noticed, the engine might catch it. */
  check(): void {
    if (this.#broken !== null) throw this.#broken;
  }

  note(text: string, fields?: Record<string, unknown>): void {
    this.#trace.push({ elapsed: this.#stage.clock.elapsed, text, fields });
  }

  /** What happened, a line each. */
  trace(): string {
    return this.#trace
      .map(({ elapsed, text, fields }) => {
        const facts = Object.entries(fields ?? {}).map(([key, value]) => `${key}=${textOf(value)}`);
        return `${(elapsed / 1000).toFixed(3).padStart(9)}  ${[text, ...facts].join(" ")}`;
      })
      .join("\n");
  }

  jumped(ms: number): void {
    if (ms > 0) this.#forward += ms;
    else this.#wentBack = true;
  }

  /** An identifier is waited for no longer; an attempt that is under way may still end later. */
  forget(identifier: string): void {
    this.admitted.delete(identifier);
    this.#attempts.delete(identifier);
  }

  /** An identifier is tried now. */
  tried(identifier: string, trial: Promise<unknown>): void {
    this.#trying.set(identifier, (this.#trying.get(identifier) ?? 0) + 1);
    void trial.then((result) => {
      this.note("tried now", { identifier, result });
      const left = this.#trying.get(identifier)! - 1;
      if (left > 0) this.#trying.set(identifier, left);
      else this.#trying.delete(identifier);
    });
  }

  get steady(): number {
    return this.#stage.clock.elapsed + this.#forward;
  }

  onStart(start: Start): void {
    this.note(`fetch begins: ${start.identifier} from ${start.source}`);
    const domain = this.#domain(start.domain);
    const limits = this.#limitsOf(start.domain);
    const known = this.admitted.has(start.identifier) || this.#trying.has(start.identifier);
    this.#demand(known, "only admitted identifiers are fetched", start);
    for (const other of domain.inFlight) {
      this.#demand(other.identifier !== start.identifier, "no identifier twice at once on one domain", start);
    }
    domain.inFlight.add(start);
    this.#demand(domain.inFlight.size <= limits.maxConcurrent, "never over maxConcurrent", start);
    domain.starts.push(this.steady);
    const inWindow = domain.starts.filter((at) => at > this.steady - WINDOW_MS).length;
    this.#demand(inWindow <= limits.maxPerMinute, `never over maxPerMinute in 60 s, saw ${inWindow}`, start);
    const until = Math.max(domain.restsUntil.steady, domain.askedUntil.steady);
    this.#demand(this.steady >= until, "no fetch from a resting domain", start);
    if (domain.onProbation) {
      const others = [...domain.inFlight].filter((other) => !domain.begunBefore.has(other));
      this.#demand(others.length <= 1, "one probe at a time after a rest", start);
    }
  }

  onEnd(start: Start, end: End): void {
    this.note(`fetch ends: ${start.identifier} from ${start.source}: ${end}`);
    this.ended++;
    const domain = this.#domain(start.domain);
    domain.inFlight.delete(start);
    if (end !== "served") return;
    domain.onProbation = false;
    domain.restsUntil = { elapsed: 0, steady: 0 };
  }

  onLog(message: string, fields: Record<string, unknown>): void {
    const identifier = fields.identifier as string;
    const domain = this.#domain((fields.domain as string) ?? "");
    this.note(message, fields);
    switch (message) {
      case "an identifier waits for a domain":
        domain.waiting.set(identifier, new Map());
        domain.onTurn.delete(identifier);
        break;
      case "a domain gives a turn":
        this.#turn(domain, identifier);
        break;
      case "an identifier keeps its turn": {
        const parked = domain.parked.get(identifier);
        domain.waiting.set(identifier, parked ?? domain.onTurn.get(identifier) ?? new Map());
        domain.parked.delete(identifier);
        domain.onTurn.delete(identifier);
        if (parked !== undefined) break;
        for (const seen of [...domain.waiting.values(), ...domain.onTurn.values()]) {
          if (seen.has(identifier)) seen.set(identifier, seen.get(identifier)! - 1);
        }
        break;
      }
      case "an identifier is being fetched already":
        domain.parked.set(identifier, domain.waiting.get(identifier) ?? new Map());
        domain.waiting.delete(identifier);
        break;
      case "an identifier leaves a domain":
        domain.waiting.delete(identifier);
        domain.parked.delete(identifier);
        domain.onTurn.delete(identifier);
        break;
      case "an attempt begins":
        this.#demand(!this.#attempts.has(identifier), "one attempt of an identifier at a time", identifier);
        this.#attempts.add(identifier);
        break;
      case "an attempt ends":
        this.#attempts.delete(identifier);
        break;
      case "a domain rests": {
        const restMs = fields.restMs as number;
        const until = { elapsed: this.#stage.clock.elapsed + restMs, steady: this.steady + restMs };
        if (fields.because === "limited") {
          if (until.elapsed > domain.askedUntil.elapsed) domain.askedUntil = until;
        } else {
          domain.restsUntil = until;
          domain.begunBefore = new Set(domain.inFlight);
          domain.onProbation = true;
        }
        break;
      }
      case "an identifier is complete":
        this.#complete(identifier);
        this.forget(identifier);
        break;
      case "an identifier expired": {
        const waited = this.steady - (this.admitted.get(identifier)?.steady ?? 0);
        this.#demand(waited >= 30 * 60_000, `nothing expires early, waited ${waited} ms`, identifier);
        this.forget(identifier);
        break;
      }
      default:
    }
  }

  /** After every step, when all that could settle has settled. */
  afterStep(): void {
    this.#nobodyWaitsInVain();
    this.check();
  }

  #nobodyWaitsInVain(): void {
    const { elapsed } = this.#stage.clock;
    if (this.#stage.pendingAnswers > 0 || this.#wentBack) return;
    for (const [name, domain] of this.#domains) {
      for (const parked of domain.parked.keys()) {
        const isFetched = [...domain.inFlight].some(({ identifier }) => identifier === parked);
        this.#demand(isFetched, "whoever was being fetched lines up again (lost wake-up)", name);
      }
      const until = Math.max(domain.restsUntil.elapsed, domain.askedUntil.elapsed);
      if (domain.waiting.size === 0 || elapsed < until) continue;
      const limits = this.#limitsOf(name);
      const bound = domain.onProbation ? Math.min(1, limits.maxConcurrent) : limits.maxConcurrent;
      // A limiter that takes its time says how long to wait, but not since when.
      const since = elapsed - WINDOW_MS - (this.#stage.options.limiterMs ?? 0);
      const inWindow = this.#stage.takes.filter((take) => take.domain === name && take.at > since).length;
      const idle = domain.inFlight.size < bound && inWindow < limits.maxPerMinute;
      this.#demand(!idle, "nobody waits for a domain that has room (lost wake-up)", name);
    }
  }

  /** The engine stopped. */
  stopped(): void {
    this.#demand(this.#stage.engineClock.timers === 0, "no timer is left after stop()", "engine");
    this.check();
    this.#attempts.clear();
    for (const domain of this.#domains.values()) {
      domain.waiting.clear();
      domain.onTurn.clear();
      domain.parked.clear();
    }
  }

  #complete(identifier: string): void {
    const needs = this.#stage.needs.get(identifier)?.size ?? 0;
    // What is only tried now may come to need more without a word to the queue.
    const known = needs === 0 || this.#trying.has(identifier);
    this.#demand(known, "complete means complete", identifier);
  }

  #turn(domain: DomainRecord, identifier: string): void {
    domain.onTurn.set(identifier, domain.waiting.get(identifier) ?? new Map());
    domain.waiting.delete(identifier);
    for (const [other, seen] of domain.waiting) {
      const turns = (seen.get(identifier) ?? 0) + 1;
      seen.set(identifier, turns);
      this.#demand(turns <= 1, `fairness within one round: ${other} saw ${turns} turns of`, identifier);
    }
  }

  #demand(holds: boolean, promise: string, what: Start | string): void {
    if (holds) return;
    const where = typeof what === "string" ? what : `${what.identifier} at ${what.source}`;
    this.note(`BROKEN: ${promise}: ${where}`);
    this.#broken ??= new BrokenPromise(`${promise}: ${where}, at ${this.#stage.clock.elapsed} ms`);
  }

  #domain(name: string): DomainRecord {
    let domain = this.#domains.get(name);
    if (domain === undefined) {
      domain = {
        starts: [],
        inFlight: new Set(),
        waiting: new Map(),
        onTurn: new Map(),
        parked: new Map(),
        begunBefore: new Set(),
        restsUntil: { elapsed: 0, steady: 0 },
        askedUntil: { elapsed: 0, steady: 0 },
        onProbation: false,
      };
      this.#domains.set(name, domain);
    }
    return domain;
  }
}

function textOf(value: unknown): string | undefined {
  return value instanceof Error ? value.message : JSON.stringify(value);
}

/** One of the engine's promises does not hold. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}
