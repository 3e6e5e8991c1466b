import type { Labels, Metrics } from "../platform.ts";
import type { Outcome } from "./domain.ts";

/** The levels of one domain label. Domains beyond the bound share one. */
export interface Meter {
  readonly labels: Labels;
  inFlight: number;
  waiting: number;
}

/** So many domains have a label of their own, the first that are met; the rest are `other` together. */
const MAX_DOMAIN_LABELS = 32;

/**
 * The engine's metrics. Counts are handed on at once; levels are when {@link Telemetry.flush} is called, because they
 * change far more often than anybody reads them.
 */
export class Telemetry {
  readonly #metrics: Metrics;
  readonly #prefix: string;
  readonly #meters = new Map<string, Meter>();
  readonly #changed = new Set<Meter>();
  #queueSize = 0;
  #queueSizeTold = -1;

  /** @param prefix goes before every name, so that two services tell their engines apart. */
  constructor(metrics: Metrics, prefix: string) {
    this.#metrics = metrics;
    this.#prefix = prefix;
  }

  /** The meter of a domain. */
  meter(domain: string): Meter {
    const name = this.#meters.has(domain) || this.#meters.size < MAX_DOMAIN_LABELS ? domain : "other";
    let meter = this.#meters.get(name);
    if (meter === undefined) {
      meter = { labels: { domain: name }, inFlight: 0, waiting: 0 };
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

  request(meter: Meter, outcome: Outcome): void {
    this.#metrics.count(`${this.#prefix}domain_requests_total`, { ...meter.labels, outcome });
  }

  /** How long an identifier waited in a domain's queue for its turn. */
  waited(seconds: number): void {
    this.#metrics.observe(`${this.#prefix}domain_wait_seconds`, seconds);
  }

  /** Hands on every level that changed. */
  flush(): void {
    if (this.#queueSize !== this.#queueSizeTold) {
      this.#metrics.gauge(`${this.#prefix}sync_queue_size`, this.#queueSize);
      this.#queueSizeTold = this.#queueSize;
    }
    for (const meter of this.#changed) {
      this.#metrics.gauge(`${this.#prefix}domain_in_flight`, meter.inFlight, meter.labels);
      this.#metrics.gauge(`${this.#prefix}domain_queue_size`, meter.waiting, meter.labels);
    }
    this.#changed.clear();
  }
}

/** How an identifier is named in the log: it may be somebody's id, so its beginning has to do. */
export function logName(identifier: string): string {
  return identifier.slice(0, 8);
}
