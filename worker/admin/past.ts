/**
 * The figures of the last five minutes, which a server keeps so that the operator's page has them when it opens.
 * @module
 */
import { isPending } from "../../runtime/lib/within.ts";
import { type Figures, SPAN_MS } from "./figures.ts";

/** Time between two samples, in milliseconds. */
export const EVERY_MS = 5000;
const MOST_SAMPLES = SPAN_MS / EVERY_MS + 1;

/** The figures at one time. */
export interface PastSample extends Figures {
  /** Milliseconds since the epoch. */
  at_ms: number;
  /** The store's observations by operation and bucket. */
  store: Record<string, readonly number[]>;
}

/** The answer of the path `past` beside `status`. */
export interface Past {
  /** The instance whose figures these are. */
  instance: string;
  now_ms: number;
  /** The oldest first. Empty on hosts that keep none. */
  samples: readonly PastSample[];
}

/** Takes a sample every {@link EVERY_MS}, and keeps those of the period that the charts show. */
export class PastFigures {
  readonly #take: () => PastSample | Promise<PastSample>;
  readonly #samples: PastSample[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param take reads the figures now; called when somebody waits for nothing, so it must be cheap. If it fails, they are left out */
  constructor(take: () => PastSample | Promise<PastSample>) {
    this.#take = take;
  }

  /** Begins to take samples, the first one now. */
  start(): void {
    this.sample();
    this.#timer = setInterval(() => this.sample(), EVERY_MS);
    this.#timer.unref?.();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Takes a sample, and drops the one that is older than the period. */
  sample(): void {
    const taken = this.#take();
    if (isPending(taken)) taken.then((sample) => this.#keep(sample)).catch(() => {});
    else this.#keep(taken);
  }

  #keep(sample: PastSample): void {
    this.#samples.push(sample);
    if (this.#samples.length > MOST_SAMPLES) this.#samples.shift();
  }

  /** The samples, the oldest first. */
  get samples(): readonly PastSample[] {
    return this.#samples;
  }
}
