/**
 * A clock that a visitor can advance: what waits for a later time happens now.
 * @module
 */
import type { Clock } from "../../../runtime/platform.ts";

interface Pending {
  readonly dueMs: number;
  fire(): void;
}

/** Time that passes in one go, in milliseconds. Between two pieces connections and processes get their turn. */
const PIECE_MS = 5_000;
/** The real pause after each piece, in milliseconds. */
const PAUSE_MS = 15;

export class SkippingClock implements Clock {
  readonly #inner: Clock;
  readonly #pending = new Set<Pending>();
  #skippedMs = 0;

  constructor(inner: Clock) {
    this.#inner = inner;
  }

  readonly now = (): number => this.#inner.now() + this.#skippedMs;

  readonly monotonic = (): number => (this.#inner.monotonic ?? this.#inner.now)() + this.#skippedMs;

  readonly after = (delayMs: number, callback: () => void): (() => void) => {
    const end = () => {
      cancel();
      this.#pending.delete(timer);
    };
    const timer: Pending = {
      dueMs: this.now() + delayMs,
      fire() {
        end();
        callback();
      },
    };
    const cancel = this.#inner.after(delayMs, timer.fire);
    this.#pending.add(timer);
    return end;
  };

  /** Lets time pass at once, in order. */
  async skip(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= PIECE_MS) {
      this.#skippedMs += Math.min(PIECE_MS, leftMs);
      const due = [...this.#pending].filter(({ dueMs }) => dueMs <= this.now());
      for (const timer of due.sort((a, b) => a.dueMs - b.dueMs)) {
        if (this.#pending.has(timer)) timer.fire();
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
