import type { Clock } from "../../../../runtime/platform.ts";
import { TICK_MS } from "../../../../runtime/sync/schedule.ts";
import { type Timed, TimeHeap } from "../../../../runtime/sync/time-heap.ts";

interface Timer extends Timed {
  callback: () => void;
}

/** Lets every promise that can settle without time passing do so. */
export const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A clock that moves only when told to, from one timer to the next, and whose wall time can be set. */
export class VirtualClock {
  /** Milliseconds that really passed. */
  elapsed = 0;
  /** Called when all that is due at a moment has happened, with what it set off. */
  onStep: () => void = () => {};
  /** Counts what happens, so that a timer that set nothing off costs nothing: one more look of an idle loop, say. */
  activity = 0;
  /** Whether to let everything settle after every timer all the same. */
  thorough = false;
  readonly #timers = new TimeHeap<Timer>();
  #wall = 1_800_000_000_000;

  now(): number {
    return this.#wall + this.elapsed;
  }

  /** Sets the wall time on (or, below 0, back) while nothing passes. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { callback, dueAt: 0, order: 0, heapIndex: -1 };
    this.#timers.set(timer, this.elapsed + Math.max(0, delayMs));
    return () => this.#timers.remove(timer);
  }

  /** Lets time pass. @param isDone ends it early. */
  async run(ms: number, isDone: () => boolean = () => false): Promise<void> {
    const until = this.elapsed + ms;
    await breathe();
    this.#endStep();
    while (!isDone()) {
      const timer = this.#timers.peek();
      if (timer === undefined || timer.dueAt > until) {
        this.elapsed = until;
        return;
      }
      this.elapsed = timer.dueAt;
      this.#timers.remove(timer);
      const before = this.activity;
      timer.callback();
      if (this.thorough || this.activity !== before) await breathe();
      this.#endStep();
    }
  }

  #endStep(): void {
    const next = this.#timers.peek();
    if (next === undefined || next.dueAt > this.elapsed) this.onStep();
  }

  /** A view for one user of the clock that counts this user's timers. */
  view(): Clock & { timers: number } {
    const view = {
      timers: 0,
      now: () => this.now(),
      after: (delayMs: number, callback: () => void) => {
        view.timers++;
        let open = true;
        const close = () => {
          if (open) view.timers--;
          open = false;
        };
        const cancel = this.after(delayMs, () => {
          close();
          // The loop's timer alone may set nothing off.
          if (delayMs !== TICK_MS) this.activity++;
          callback();
        });
        return () => {
          close();
          cancel();
        };
      },
    };
    return view;
  }
}
