import type { Labels, Metrics } from "../platform.ts";
import type { Outcome } from "./domain.ts";

/** The levels and counts of one domain label. Domains beyond the bound share one. */
export interface Meter {
  readonly labels: Labels;
  inFlight: number;
  waiting: number;
  /** Fetches by how they ended, since the last flush. */
  readonly ended: Map<Outcome, number>;
}

/** So many domains have a label of their own, the first that are met; the rest are `other` together. */
const MAX_DOMAIN_LABELS = 32;

/**
 * The engine's metrics. What goes by domain is handed on when {@link Telemetry.flush} is called: it changes far more often
 * than anybody reads it, and finding a labelled series costs more than a turn.
 */
export class Telemetry {
  readonly #metrics: Metrics;
  readonly #prefix: string;
  readonly #waitSeconds: string;
  readonly #meters = new Map<string, Meter>();
  readonly #changed = new Set<Meter>();
  #queueSize = 0;
  #queueSizeTold = -1;

  /** @param prefix goes before every name, so that two services tell their engines apart. */
  constructor(metrics: Metrics, prefix: string) {
    this.#metrics = metrics;
    this.#prefix = prefix;
    this.#waitSeconds = `${prefix}domain_wait_seconds`;
  }

  /** The meter of a domain. */
  meter(domain: string): Meter {
    const name = this.#meters.has(domain) || this.#meters.size < MAX_DOMAIN_LABELS ? domain : "other";
    let meter = this.#meters.get(name);
    if (meter === undefined) {
      meter = { labels: { domain: name }, inFlight: 0, waiting: 0, ended: new Map() };
      this.#meters.set(name, meter);
    }
    return meter;
  }

  /** A fetch's slot was taken (1) or given back (-1). */
  inFlight(meter: Meter, by: 1 | -1): void {
    meter.inFlight += by;
    this.#changed.add(meter);
  }

  /** An identifier joined a domain's queue (1) or left it (-1). */
  waiting(meter: Meter, by: 1 | -1): void {
    meter.waiting += by;
    this.#changed.add(meter);
  }

  queueSize(size: number): void {
    this.#queueSize = size;
  }

  attempt(): void {
    this.#metrics.count(`${this.#prefix}sync_attempts_total`);
  }

  completed(): void {
    this.#metrics.count(`${this.#prefix}sync_completed_total`);
  }

  expired(): void {
    this.#metrics.count(`${this.#prefix}sync_expired_total`);
  }

  refused(reason: string): void {
    this.#metrics.count(`${this.#prefix}sync_refused_total`, { reason });
  }

  items(count: number): void {
    this.#metrics.count(`${this.#prefix}sync_items_fetched_total`, undefined, count);
  }

  /** A fetch ended. */
  request(meter: Meter, outcome: Outcome): void {
    meter.ended.set(outcome, (meter.ended.get(outcome) ?? 0) + 1);
    this.#changed.add(meter);
  }

  /** How long an identifier waited in a domain's queue for its turn. */
  waited(seconds: number): void {
    this.#metrics.observe(this.#waitSeconds, seconds);
  }

  /** Hands on what changed. */
  flush(): void {
    if (this.#queueSize !== this.#queueSizeTold) {
      this.#metrics.gauge(`${this.#prefix}sync_queue_size`, this.#queueSize);
      this.#queueSizeTold = this.#queueSize;
    }
    for (const meter of this.#changed) {
      this.#metrics.gauge(`${this.#prefix}domain_in_flight`, meter.inFlight, meter.labels);
      this.#metrics.gauge(`${this.#prefix}domain_queue_size`, meter.waiting, meter.labels);
      for (const [outcome, count] of meter.ended) {
        this.#metrics.count(`${this.#prefix}domain_requests_total`, { ...meter.labels, outcome }, count);
      }
      meter.ended.clear();
    }
    this.#changed.clear();
  }
}

/** How an identifier is named in the log: it may be somebody's id, so its beginning has to do. */
export function logName(identifier: string): string {
  return identifier.slice(0, 8);
}
