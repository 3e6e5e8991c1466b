import type { RequestIds } from "../../observe/trace-context.ts";
import { EXPIRY_MS } from "../../sync/index.ts";

/** How far the pull of one partner's id for one visitor has come. */
export type Progress =
  /** Its part of the rate limit is being taken. */
  | "claimed"
  /** The partner may be asked. */
  | "waiting"
  | "asked";

/** One visitor's pulls. */
export interface Run {
  readonly id: string;
  readonly ip: string;
  /** The consent parameters of the newest visit, as a query text. */
  consent: string;
  /** Those of the request that began it. */
  readonly ids: RequestIds;
  /** When it began, on the time of the hot path's windows. */
  readonly beganMs: number;
  /** By the partner's id. A partner that is done leaves. */
  readonly partners: Map<string, Progress>;
}

/** Maximum number of ended runs whose request's ids are remembered: the engine's last lines about a run follow its end. */
const MAX_ENDED = 100;

/** The pulls of all visitors that are under way, by EC id. */
export class PullRuns {
  readonly #runs = new Map<string, Run>();
  readonly #ended = new Map<string, RequestIds>();
  readonly #time: () => number;
  readonly #maxRuns: number;

  /**
   * @param time of the hot path's windows, in milliseconds.
   * @param maxRuns maximum number of visitors; beyond it the oldest is forgotten.
   */
  constructor(time: () => number, maxRuns: number) {
    this.#time = time;
    this.#maxRuns = maxRuns;
  }

  get size(): number {
    return this.#runs.size;
  }

  get(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  /** The ids of the request that began the pulls of an id which are under way or ended just now. */
  idsOf(id: string): RequestIds | undefined {
    return this.#runs.get(id)?.ids ?? this.#ended.get(id);
  }

  /** The run of an id, created if needed. Also forgets runs that have expired in the engine. */
  open(id: string, ip: string, consent: string, ids: RequestIds): Run {
    const beganMs = this.#time();
    for (const [old, run] of this.#runs) {
      if (beganMs - run.beganMs < EXPIRY_MS && this.#runs.size < this.#maxRuns) break;
      this.#runs.delete(old);
    }
    let run = this.#runs.get(id);
    if (run === undefined) {
      run = { id, ip, consent, ids, beganMs, partners: new Map() };
      this.#runs.set(id, run);
    }
    run.consent = consent;
    return run;
  }

  /** A partner is done; with the last one the run ends. */
  leave(run: Run, partner: string): void {
    run.partners.delete(partner);
    if (run.partners.size > 0 || this.#runs.get(run.id) !== run) return;
    this.#runs.delete(run.id);
    this.#ended.delete(run.id);
    this.#ended.set(run.id, run.ids);
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(this.#ended.keys().next().value!);
  }

  forget(id: string): void {
    this.#runs.delete(id);
  }
}
