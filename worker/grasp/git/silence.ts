/**
 * Notices that nothing comes for too long, with one timer for all chunks of a stream (G20).
 * @module
 */
import type { Clock } from "../../../runtime/platform.ts";

/** The clock of a watch. It must not be set while the watch runs. */
export type WatchClock = Pick<Clock, "now" | "after">;

/**
 * Watches one wait after the other. A timer for each chunk would be garbage for each chunk: a pack of 1 GiB comes in some 90,000.
 */
export class SilenceWatch {
  readonly #clock: WatchClock;
  readonly #onSilence: () => void;
  /** When the wait is too long, in milliseconds of the clock; `null`: nothing is waited for. */
  #deadlineMs: number | null = null;
  /** When the timer fires; infinity: none is set. */
  #firesAtMs = Number.POSITIVE_INFINITY;
  #cancel = () => {};

  /** @param onSilence called once for a wait that is too long. */
  constructor(clock: WatchClock, onSilence: () => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
  }

  /** Something is waited for, for at most this time in milliseconds. */
  begin(ms: number): void {
    this.#deadlineMs = this.#clock.now() + ms;
    // An earlier timer looks at the deadline when it fires.
    if (this.#firesAtMs > this.#deadlineMs) this.#set(this.#deadlineMs);
  }

  /** It came. The timer is left for the next wait. */
  came(): void {
    this.#deadlineMs = null;
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#deadlineMs = null;
    this.#firesAtMs = Number.POSITIVE_INFINITY;
    this.#cancel();
  }

  #set(atMs: number): void {
    this.#cancel();
    this.#firesAtMs = atMs;
    this.#cancel = this.#clock.after(atMs - this.#clock.now(), () => this.#look());
  }

  #look(): void {
    this.#firesAtMs = Number.POSITIVE_INFINITY;
    if (this.#deadlineMs === null) return;
    if (this.#deadlineMs > this.#clock.now()) {
      this.#set(this.#deadlineMs);
      return;
    }
    this.#deadlineMs = null;
    this.#onSilence();
  }
}
