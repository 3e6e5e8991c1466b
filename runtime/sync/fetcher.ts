import { settlesWithin, TimeoutError } from "../lib/within.ts";
import type { Clock } from "../platform.ts";
import type { Cancellation } from "./cancellation.ts";
import type { FetchCall, Fetched, SyncContext } from "./context.ts";
import { RateLimited, SourceUnusable } from "./errors.ts";
import type { Outcome, SyncListener } from "./events.ts";
import { type FetchLimits, FetchTimeouts } from "./fetch-timeouts.ts";
import type { Permit } from "./permit.ts";
import type { Source } from "./source.ts";

/** A chosen source, with the permit to fetch from it. */
export interface Choice<Need> {
  source: Source;
  items: readonly Need[];
  permit: Permit;
  /** What `permit.start()` returned: the start is counted, or the limiter has not answered yet. */
  admitted: true | Promise<boolean>;
  /** The identifier's arrivals when the source was looked up. */
  arrivals: number;
}

/** What a {@link Fetcher} needs. */
export interface FetcherOptions<Need, Item, Receipt> extends FetchLimits {
  context: Pick<SyncContext<Need, Item, Receipt>, "fetch" | "process">;
  clock: Clock;
  abortGraceMs: number;
  emit: SyncListener | undefined;
  onProgress: (identifier: string) => void;
  /** Called when a source cannot be used. */
  onUnusable: (choice: Choice<Need>, error: SourceUnusable) => void;
}

/** Runs one fetch from its start to the processing of its items, for both paths. */
export class Fetcher<Need, Item, Receipt> {
  readonly #options: FetcherOptions<Need, Item, Receipt>;

  constructor(options: FetcherOptions<Need, Item, Receipt>) {
    this.#options = options;
  }

  /**
   * Fetches from a source, ends its permit, and has the items processed. Never rejects.
   * @param cancellation tells when the identifier is not wanted any more.
   * @returns how the fetch ended; `refused`: the domain may not be asked now, and was not.
   */
  async fetchFrom(choice: Choice<Need>, cancellation: Cancellation): Promise<Outcome | "refused"> {
    const { emit } = this.#options;
    const { source, permit } = choice;
    const { identifier } = permit.state;
    const admitted = choice.admitted === true || (await choice.admitted);
    if (!admitted || cancellation.isCancelled) {
      permit.end(null);
      return admitted ? "aborted" : "refused";
    }
    emit?.({ kind: "fetch-started", identifier, domain: permit.domain.name, source });
    let fetched: Fetched<Item, Receipt> | null = null;
    let outcome: Outcome;
    let error: unknown;
    try {
      fetched = await this.#fetch(choice);
      // The identifier may have been dropped while the response arrived.
      if (permit.aborted !== null) throw permit.aborted;
      outcome = fetched.items.length > 0 ? "obtained" : "empty";
    } catch (caught) {
      error = caught;
      outcome = outcomeOf(error, permit.aborted);
    }
    const items = outcome === "obtained" ? fetched!.items.length : 0;
    emit?.({ kind: "fetch-ended", identifier, domain: permit.domain.name, source, outcome, items, error });
    if (error instanceof SourceUnusable && outcome === "unusable") this.#options.onUnusable(choice, error);
    permit.end(outcome, error instanceof RateLimited ? error.retryAfterMs : null);
    if (outcome === "obtained") await this.#process(identifier, source, fetched!);
    return outcome;
  }

  /** Waits for a fetch, until a timeout or an abort ends it. */
  async #fetch({ source, items, permit }: Choice<Need>): Promise<Fetched<Item, Receipt>> {
    const { context, clock, abortGraceMs, onProgress } = this.#options;
    const { identifier } = permit.state;
    const controller = new AbortController();
    let giveUp: (reason: Error) => void;
    const givenUp = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const timeouts = new FetchTimeouts(clock, this.#options, (error) => giveUp(error));
    permit.onAbort = giveUp!;
    const call: FetchCall = {
      signal: controller.signal,
      onProgress() {
        if (permit.phase !== "started" || controller.signal.aborted) return;
        permit.progressAt = clock.now();
        timeouts.progress();
        onProgress(identifier);
      },
      anotherStart: async () => !controller.signal.aborted && (await permit.anotherStart()),
    };
    let fetched: Promise<Fetched<Item, Receipt>> | undefined;
    try {
      fetched = context.fetch(identifier, source, items, call);
      return await Promise.race([fetched, givenUp]);
    } catch (error) {
      // Abort here, not in the timer: on Cloudflare only the request that started a fetch may abort it.
      controller.abort(error);
      // A connection takes a moment to close, and is in flight until then.
      if (fetched !== undefined)
        await settlesWithin(
          fetched.catch(() => {}),
          abortGraceMs,
          clock,
        );
      throw error;
    } finally {
      timeouts.stop();
      permit.onAbort = null;
    }
  }

  async #process(
    identifier: string,
    source: Source,
    { items, receipt }: Fetched<Item, Receipt>,
  ): Promise<void> {
    try {
      await this.#options.context.process(identifier, items, { source, receipt });
    } catch (error) {
      this.#options.emit?.({ kind: "process-failed", identifier, source, error });
    }
  }
}

function outcomeOf(error: unknown, aborted: Error | null): Outcome {
  if (aborted !== null) return "aborted";
  if (error instanceof TimeoutError) return "timeout";
  if (error instanceof SourceUnusable) return "unusable";
  return error instanceof RateLimited ? "limited" : "failed";
}
