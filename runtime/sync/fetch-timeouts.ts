import { TimeoutError } from "../lib/within.ts";
import type { Clock } from "../platform.ts";

/** The timeouts of a fetch, in milliseconds. */
export interface FetchLimits {
  /** Without progress. */
  idleTimeoutMs: number;
  /** In all. */
  totalTimeoutMs: number;
}

/**
 * The timeouts of one fetch, by one timer: it measures the time until the next timeout, and progress moves the idle timeout
 * without touching the timer.
 */
export class FetchTimeouts {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #onTimeout: (error: TimeoutError) => void;
  #idleLeft: number;
  #totalLeft: number;
  readonly #totalMs: number;
  #progressAt: number | null = null;
  #cancel: () => void = () => {};

  constructor(
    clock: Clock,
    { idleTimeoutMs, totalTimeoutMs }: FetchLimits,
    onTimeout: (error: TimeoutError) => void,
  ) {
    this.#clock = clock;
    this.#idleMs = idleTimeoutMs;
    this.#totalMs = totalTimeoutMs;
    this.#idleLeft = idleTimeoutMs;
    this.#totalLeft = totalTimeoutMs;
    this.#onTimeout = onTimeout;
    this.#setTimer();
  }

  /** Restarts the idle timeout. */
  progress(): void {
    this.#progressAt = this.#clock.now();
  }

  stop(): void {
    this.#cancel();
  }

  #setTimer(): void {
    const ms = Math.min(this.#idleLeft, this.#totalLeft);
    this.#cancel = this.#clock.after(ms, () => {
      this.#totalLeft -= ms;
      this.#idleLeft =
        this.#progressAt === null ? this.#idleLeft - ms : this.#idleLeftSince(this.#progressAt);
      this.#progressAt = null;
      if (this.#totalLeft <= 0) this.#onTimeout(new TimeoutError(this.#totalMs));
      else if (this.#idleLeft <= 0) this.#onTimeout(new TimeoutError(this.#idleMs));
      else this.#setTimer();
    });
  }

  #idleLeftSince(progressAt: number): number {
    return Math.min(this.#idleMs, progressAt + this.#idleMs - this.#clock.now());
  }
}
