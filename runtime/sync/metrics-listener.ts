import type { Labels, Metrics } from "../platform.ts";
import type { Outcome, SyncListener } from "./events.ts";

/** Options of {@link metricsListener}. */
export interface MetricsListenerOptions {
  /** Prefix of every metric's name, so that the engines of two services differ. Default: none. */
  prefix?: string;
}

/** Number of domains with a label of their own, the first that appear. The others share the label `other`. */
const MAX_DOMAIN_LABELS = 32;

/** The levels and counts of one domain label. */
interface Meter {
  readonly labels: Labels;
  inFlight: number;
  waiting: number;
  /** Fetches by how they ended, since the last checkpoint. */
  readonly ended: Map<Outcome, number>;
}

/**
 * Writes the engine's events to metrics; `docs/engine.md` lists them. Values by domain are written at checkpoints only: they
 * change much more often than they are read, and finding a labelled series costs more than a turn.
 */
export function metricsListener(metrics: Metrics, options: MetricsListenerOptions = {}): SyncListener {
  const { prefix = "" } = options;
  const meters = new DomainMeters();
  let queued = -1;
  return (event) => {
    switch (event.kind) {
      case "attempt-started":
      case "try-started":
        return metrics.count(`${prefix}sync_attempts_total`);
      case "completed":
        return metrics.count(`${prefix}sync_completed_total`);
      case "expired":
        return metrics.count(`${prefix}sync_expired_total`);
      case "refused":
        return metrics.count(`${prefix}sync_refused_total`, { reason: event.reason });
      case "domain-joined":
        return void meters.change(event.domain).waiting++;
      case "domain-left":
        return void meters.change(event.domain).waiting--;
      case "domain-turn":
        return metrics.observe(`${prefix}domain_wait_seconds`, event.waitedMs / 1000);
      case "fetch-started":
        return void meters.change(event.domain).inFlight++;
      case "fetch-ended": {
        const { domain, outcome, items } = event;
        const meter = meters.change(domain);
        meter.inFlight--;
        meter.ended.set(outcome, (meter.ended.get(outcome) ?? 0) + 1);
        if (items > 0) metrics.count(`${prefix}sync_items_fetched_total`, undefined, items);
        return;
      }
      case "checkpoint":
        if (event.queued !== queued) metrics.gauge(`${prefix}sync_queue_size`, event.queued);
        queued = event.queued;
        return meters.write(metrics, prefix);
      default:
    }
  };
}

/** The meters of all domains, and which of them changed since they were written. */
class DomainMeters {
  readonly #meters = new Map<string, Meter>();
  readonly #changed = new Set<Meter>();

  /** The meter of a domain, which is about to change. */
  change(domain: string): Meter {
    let meter = this.#meters.get(domain);
    if (meter === undefined) {
      const label = this.#meters.size < MAX_DOMAIN_LABELS ? domain : "other";
      meter = this.#meters.get(label);
      if (meter === undefined) {
        meter = { labels: { domain: label }, inFlight: 0, waiting: 0, ended: new Map() };
        this.#meters.set(label, meter);
      }
    }
    this.#changed.add(meter);
    return meter;
  }

  write(metrics: Metrics, prefix: string): void {
    for (const { labels, inFlight, waiting, ended } of this.#changed) {
      metrics.gauge(`${prefix}domain_in_flight`, inFlight, labels);
      metrics.gauge(`${prefix}domain_queue_size`, waiting, labels);
      for (const [outcome, count] of ended) {
        metrics.count(`${prefix}domain_requests_total`, { ...labels, outcome }, count);
      }
      ended.clear();
    }
    this.#changed.clear();
  }
}
