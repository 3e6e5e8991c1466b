import { isPending } from "../lib/within.ts";
import type { Clock, RateLimiter, TakeResult } from "../platform.ts";
import { LIMITER_DOWN_MS, WINDOW_MS } from "./schedule.ts";

/** What is known of the limiter's window of one domain. Times are milliseconds on the engine's clock. */
export class StartWindow {
  /** Starts for which the window had room when it was last asked. */
  remaining = Number.POSITIVE_INFINITY;
  /** The window is full until then. */
  opensAt = 0;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #limiter: RateLimiter;
  readonly #onFailure: (error: unknown) => void;

  /** @param onFailure called when the limiter fails; the window is then closed for a second. */
  constructor(key: string, clock: Clock, limiter: RateLimiter, onFailure: (error: unknown) => void) {
    this.#key = key;
    this.#clock = clock;
    this.#limiter = limiter;
    this.#onFailure = onFailure;
  }

  /**
   * Takes one start. Synchronous if the limiter is. Never rejects.
   * @returns whether it was counted; if not, the window is closed until it has room.
   */
  take(limit: number): boolean | Promise<boolean> {
    try {
      const taken = this.#limiter.take(this.#key, { limit, windowMs: WINDOW_MS });
      if (!isPending(taken)) return this.#record(taken);
      return taken.then(
        (late) => this.#record(late),
        (error) => this.#failed(error),
      );
    } catch (error) {
      return this.#failed(error);
    }
  }

  #record({ admitted, remaining, retryAfterMs }: TakeResult): boolean {
    this.remaining = admitted ? remaining : 0;
    // More than the window's length is never needed, unless the limiter's clock was set back: then ask again.
    if (!admitted) this.#close(Math.min(Math.max(1, retryAfterMs), WINDOW_MS));
    return admitted;
  }

  #failed(error: unknown): false {
    this.#onFailure(error);
    this.#close(LIMITER_DOWN_MS);
    return false;
  }

  #close(ms: number): void {
    this.opensAt = this.#clock.now() + ms;
  }
}
