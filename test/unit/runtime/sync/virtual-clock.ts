import type { Clock } from "../../../../runtime/platform.ts";
import { TICK_MS } from "../../../../runtime/sync/schedule.ts";
import { HeapItem, TimeHeap } from "../../../../runtime/sync/time-heap.ts";

/** A timer of a virtual clock. */
export class Timer extends HeapItem {
  readonly at: number;
  readonly callback: () => void;

  constructor(at: number, callback: () => void) {
    super();
    this.at = at;
    this.callback = callback;
  }
}

/** Lets every promise settle that can settle without time passing. */
export const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A clock that moves only when told to, from one timer to the next, and whose wall time can be set. */
export class VirtualClock {
  /** Milliseconds that passed. */
  elapsed = 0;
  /** Called when everything due at a moment has happened, with all its consequences. */
  onStep: () => void = () => {};
  /** Counts what happens, so that a timer without consequences (an idle tick of the loop) needs no waiting. */
  activity = 0;
  /** Whether to let everything settle after every timer. */
  thorough = false;
  readonly #timers = new TimeHeap<Timer>();
  #wall = 1_800_000_000_000;

  now(): number {
    return this.#wall + this.elapsed;
  }

  /** Sets the wall time forward (below 0: back) while no time passes. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = new Timer(this.elapsed + Math.max(0, delayMs), callback);
    this.#timers.set(timer, timer.at);
    return () => this.#timers.remove(timer);
  }

  /** Lets time pass. @param isDone ends it early. */
  async run(ms: number, isDone: () => boolean = () => false): Promise<void> {
    const until = this.elapsed + ms;
    await breathe();
    this.#endStep();
    while (!isDone()) {
      const timer = this.#timers.peek();
      if (timer === undefined || timer.at > until) {
        this.elapsed = until;
        return;
      }
      this.elapsed = timer.at;
      this.#timers.remove(timer);
      const before = this.activity;
      timer.callback();
      if (this.thorough || this.activity !== before) await breathe();
      this.#endStep();
    }
  }

  #endStep(): void {
    const next = this.#timers.peek();
    if (next === undefined || next.at > this.elapsed) this.onStep();
  }

  /** A view of the clock for one user, which counts the timers of this user. */
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
          // Only the loop's timer may be without consequences.
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
