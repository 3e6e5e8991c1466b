/**
 * Work that goes on after a response.
 * @module
 */
import { settlesWithin, valueWithin } from "../../runtime/lib/within.ts";
import type { LogOnce } from "../../runtime/observe/log.ts";
import type { Background, Clock } from "../../runtime/platform.ts";

/** The background work of one service. */
export class BackgroundWork {
  readonly #pending = new Set<Promise<unknown>>();
  readonly #clock: Clock;
  readonly #logOnce: Pick<LogOnce, "error">;

  constructor(clock: Clock, logOnce: Pick<LogOnce, "error">) {
    this.#clock = clock;
    this.#logOnce = logOnce;
  }

  /** Hands work to the host and remembers it until it settles. The caller handles its failure. */
  keep(background: Background, work: Promise<unknown>): void {
    const safe = work.catch(() => {}).finally(() => this.#pending.delete(safe));
    this.#pending.add(safe);
    background.waitUntil(safe);
  }

  /** Like {@link keep}, but logs failures. */
  run(background: Background, what: string, work: Promise<unknown>): void {
    this.keep(
      background,
      work.catch((error) => this.#logOnce.error(what, `${what} failed`, { error })),
    );
  }

  /** Like {@link run}, but waits for the work for at most `timeoutMs`. Never rejects. */
  async runAndWait(
    background: Background,
    what: string,
    work: Promise<unknown>,
    timeoutMs: number,
  ): Promise<void> {
    this.run(background, what, work);
    await settlesWithin(work, timeoutMs, this.#clock).catch(() => {});
  }

  /**
   * Like {@link keep}, but returns the work's result.
   * @throws {TimeoutError} if it does not settle within `timeoutMs` milliseconds.
   * @throws what the work throws.
   */
  resultOf<T>(background: Background, work: Promise<T>, timeoutMs: number): Promise<T> {
    this.keep(background, work);
    return valueWithin(work, timeoutMs, this.#clock);
  }

  /** Waits for the work that has begun, for at most `timeoutMs`. */
  async settled(timeoutMs: number): Promise<void> {
    await settlesWithin(Promise.allSettled([...this.#pending]), timeoutMs, this.#clock);
  }
}
