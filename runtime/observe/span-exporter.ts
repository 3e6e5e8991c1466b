/**
 * Sends spans to an OpenTelemetry collector, in batches, one at a time. A collector that is slow or away costs spans, never
 * memory and never a request's time.
 * @module
 */
import type { Clock, Fetch } from "../platform.ts";
import { type FinishedSpan, otlpJson } from "./otlp.ts";

/** Maximum number of spans that wait. Further ones are dropped. */
const MAX_WAITING = 2048;
/** Maximum number of spans in a batch: some 200 KB of JSON. */
const MAX_BATCH = 512;
/** How long a span waits for others, in milliseconds. */
const BATCH_AFTER_MS = 2000;
/** Timeout of a batch, in milliseconds. */
const TIMEOUT_MS = 5000;

/** What {@link SpanExporter} needs. */
export interface SpanExporterParts {
  /** The collector's URL for traces. */
  readonly url: string;
  /** Header fields for the collector, such as a key. */
  readonly headers: Readonly<Record<string, string>>;
  /** Attributes of this process. */
  readonly resource: Readonly<Record<string, string>>;
  readonly clock: Pick<Clock, "after">;
  readonly fetch: Fetch;
  /** Called for each batch that failed. */
  onFault(error: unknown): void;
}

/** Collects spans and sends them. */
export class SpanExporter {
  /** Number of spans that the collector took. */
  sent = 0;
  /** Number of spans that were lost: no room, or the collector did not take them. */
  dropped = 0;
  readonly #parts: SpanExporterParts;
  #waiting: FinishedSpan[] = [];
  #sending: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;

  constructor(parts: SpanExporterParts) {
    this.#parts = parts;
  }

  /** Takes a span, or drops it where too many wait. */
  add(span: FinishedSpan): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.dropped++;
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= MAX_BATCH) this.#begin();
    else this.#wait();
  }

  /** Sends what waits. Resolves when that is over, and never rejects. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#sending !== null) {
      this.#begin();
      await this.#sending;
    }
  }

  #wait(): void {
    this.#cancelTimer ??= this.#parts.clock.after(BATCH_AFTER_MS, () => {
      this.#cancelTimer = null;
      this.#begin();
    });
  }

  /** Unless a batch is on its way: its end begins the next. */
  #begin(): void {
    if (this.#sending !== null || this.#waiting.length === 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const batch = this.#waiting.splice(0, MAX_BATCH);
    this.#sending = this.#send(batch).then(() => {
      this.#sending = null;
      if (this.#waiting.length >= MAX_BATCH) this.#begin();
      else if (this.#waiting.length > 0) this.#wait();
    });
  }

  async #send(batch: readonly FinishedSpan[]): Promise<void> {
    const { url, headers, resource, clock, fetch, onFault } = this.#parts;
    const timeout = new AbortController();
    const cancel = clock.after(TIMEOUT_MS, () =>
      timeout.abort(new Error("the collector did not answer in time")),
    );
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: otlpJson(batch, resource),
        redirect: "manual",
        signal: timeout.signal,
      });
      response.body?.cancel().catch(() => {});
      if (!response.ok) throw new Error(`the collector answered with status ${response.status}`);
      this.sent += batch.length;
    } catch (error) {
      this.dropped += batch.length;
      onFault(error);
    } finally {
      cancel();
    }
  }
}
