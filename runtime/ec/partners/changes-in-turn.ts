import type { Clock } from "../../platform.ts";

/**
 * A change of which nothing is heard for this time, in milliseconds, blocks no later one: some hosts end a request's work with the
 * request, in silence.
 */
const LOST_AFTER_MS = 60_000;

/** Runs changes one after the other. */
export class ChangesInTurn {
  readonly #clock: Pick<Clock, "now">;
  /** The end of the last change. */
  #last: Promise<unknown> = Promise.resolve();
  /** When a change last began or ended. */
  #movedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Runs a change after all earlier ones. @throws what the change throws */
  run<T>(change: () => Promise<T>): Promise<T> {
    if (this.isLost()) {
      this.#last = Promise.resolve();
      this.#moved();
    }
    const run = this.#last.then(() => {
      this.#moved();
      return change();
    });
    this.#last = run.catch(() => {}).then(() => this.#moved());
    return run;
  }

  /** Whether the last change, if it has not ended, may never end. */
  isLost(): boolean {
    return this.#clock.now() - this.#movedAtMs > LOST_AFTER_MS;
  }

  #moved(): void {
    this.#movedAtMs = this.#clock.now();
  }
}
