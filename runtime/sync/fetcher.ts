import { settlesWithin, TimeoutError } from "../lib/within.ts";
import type { Clock, Log } from "../platform.ts";
import type { Choice } from "./chooser.ts";
import type { SyncContext } from "./context.ts";
import type { Outcome } from "./domain.ts";
import { RateLimited } from "./rate-limited.ts";
import { ABORT_GRACE_MS } from "./schedule.ts";
import { logName, type Telemetry } from "./telemetry.ts";
import type { Throttle } from "./throttle.ts";

/** What a {@link Fetcher} needs. */
export interface FetcherOptions<Need, Item> {
  context: SyncContext<Need, Item>;
  clock: Clock;
  throttle: Throttle;
  /** How long a fetch may take. */
  timeoutMs: number;
  log: Log;
  telemetry: Telemetry;
}

/** Carries out one fetch from its start to what follows from its end, whichever path it is for. */
export class Fetcher<Need, Item> {
  readonly #options: FetcherOptions<Need, Item>;

  constructor(options: FetcherOptions<Need, Item>) {
    this.#options = options;
  }

  /**
   * Fetches from a source whose room is held, gives the room back however that ends, and has what came processed.
   * @param isWanted whether the identifier is still to be fetched, should the window's answer have taken time.
   * @returns how it ended; `refused`: the domain may not be asked now, and was not. Never rejects.
   */
  async fetchFrom(choice: Choice<Need>, isWanted: () => boolean): Promise<Outcome | "refused"> {
    const { throttle, log } = this.#options;
    const { slot } = choice;
    let admitted = throttle.admit(slot);
    if (typeof admitted !== "boolean") admitted = await admitted;
    if (!admitted || !isWanted()) {
      throttle.release(slot, null);
      return admitted ? "aborted" : "refused";
    }
    const { identifier } = slot.subject;
    let outcome: Outcome;
    let obtained: readonly Item[] = [];
    let retryAfterMs: number | null = null;
    try {
      obtained = await this.#fetch(choice);
      // It may have been dropped in the very moment in which it came.
      if (slot.aborted !== null) throw slot.aborted;
      outcome = obtained.length > 0 ? "obtained" : "empty";
    } catch (error) {
      outcome = outcomeOf(error, slot.aborted);
      if (error instanceof RateLimited) retryAfterMs = error.retryAfterMs;
      if (outcome === "failed" || outcome === "timeout") {
        const fields = { identifier: logName(identifier), domain: slot.domain.name, outcome, error };
        log.warn("a fetch did not succeed", fields);
      }
    }
    throttle.release(slot, outcome, retryAfterMs);
    if (outcome === "obtained") await this.#process(identifier, obtained);
    return outcome;
  }

  /** Waits for a fetch, but no longer than is allowed or wanted. */
  async #fetch({ source, items, slot }: Choice<Need>): Promise<readonly Item[]> {
    const { context, clock, throttle, timeoutMs } = this.#options;
    const controller = new AbortController();
    const fetched = context.fetch(slot.subject.identifier, source, items, controller.signal);
    let cancel = (): void => {};
    const givenUp = new Promise<never>((_, reject) => {
      cancel = clock.after(timeoutMs, () => reject(new TimeoutError(timeoutMs)));
      slot.abort = reject;
    });
    throttle.started(slot);
    try {
      return await Promise.race([fetched, givenUp]);
    } catch (error) {
      // Here and not where it was given up: some hosts let nobody end a fetch but the request that began it.
      controller.abort(error);
      // A connection takes a moment to close, and is in flight until then.
      const closed = fetched.catch(() => {});
      await settlesWithin(closed, ABORT_GRACE_MS, clock);
      throw error;
    } finally {
      cancel();
    }
  }

  async #process(identifier: string, obtained: readonly Item[]): Promise<void> {
    const { context, log, telemetry } = this.#options;
    telemetry.items(obtained.length);
    try {
      await context.process(identifier, obtained);
    } catch (error) {
      log.warn("what was fetched could not be processed", { identifier: logName(identifier), error });
    }
  }
}

function outcomeOf(error: unknown, aborted: Error | null): Outcome {
  if (aborted !== null) return "aborted";
  if (error instanceof TimeoutError) return "timeout";
  return error instanceof RateLimited ? "limited" : "failed";
}
