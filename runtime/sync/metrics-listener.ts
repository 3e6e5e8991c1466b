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
  ended: Partial<Record<Outcome, number>>;
  /** Whether it changed since the last checkpoint. */
  isChanged: boolean;
}

/**
 * Writes the engine's events to metrics; `docs/engine.md` lists them. Values by domain are written at checkpoints only: they
 * change much more often than they are read, and finding a labelled series costs more than a turn.
 */
export function metricsListener(metrics: Metrics, options: MetricsListenerOptions = {}): SyncListener {
  const names = namesWith(options.prefix ?? "");
  const meters = new DomainMeters(metrics, names);
  let queued = -1;
  return (event) => {
    switch (event.kind) {
      case "domain-turn":
        metrics.observe(names.wait, event.waitedMs / 1000);
        break;
      case "fetch-started":
        meters.of(event.domain).inFlight++;
        break;
      case "fetch-ended":
        meters.ended(event.domain, event.outcome);
        if (event.items > 0) metrics.count(names.items, undefined, event.items);
        break;
      case "domain-joined":
        meters.of(event.domain).waiting++;
        break;
      case "domain-left":
        meters.of(event.domain).waiting--;
        break;
      case "attempt-started":
      case "try-started":
        metrics.count(names.attempts);
        break;
      case "completed":
        metrics.count(names.completed);
        break;
      case "expired":
        metrics.count(names.expired);
        break;
      case "refused":
        metrics.count(names.refused, { reason: event.reason });
        break;
      case "checkpoint":
        if (event.queued !== queued) metrics.gauge(names.queueSize, event.queued);
        queued = event.queued;
        meters.write();
        break;
      default:
    }
  };
}

/** The names of the metrics. Made once: looking a new text up costs more than the rest of an event. */
function namesWith(prefix: string) {
  return {
    queueSize: `${prefix}sync_queue_size`,
    attempts: `${prefix}sync_attempts_total`,
    completed: `${prefix}sync_completed_total`,
    expired: `${prefix}sync_expired_total`,
    refused: `${prefix}sync_refused_total`,
    items: `${prefix}sync_items_fetched_total`,
    wait: `${prefix}domain_wait_seconds`,
    inFlight: `${prefix}domain_in_flight`,
    domainQueueSize: `${prefix}domain_queue_size`,
    requests: `${prefix}domain_requests_total`,
  };
}

/** The meters of all domains, and which of them changed since they were written. */
class DomainMeters {
  readonly #metrics: Metrics;
  readonly #names: ReturnType<typeof namesWith>;
  readonly #meters = new Map<string, Meter>();
  readonly #changed: Meter[] = [];

  constructor(metrics: Metrics, names: ReturnType<typeof namesWith>) {
    this.#metrics = metrics;
    this.#names = names;
  }

  /** The meter of a domain, which is about to change. */
  of(domain: string): Meter {
    const meter = this.#meters.get(domain) ?? this.#meters.get("other") ?? this.#create(domain);
    if (!meter.isChanged) {
      meter.isChanged = true;
      this.#changed.push(meter);
    }
    return meter;
  }

  /** A fetch ended. */
  ended(domain: string, outcome: Outcome): void {
    const meter = this.of(domain);
    meter.inFlight--;
    meter.ended[outcome] = (meter.ended[outcome] ?? 0) + 1;
  }

  write(): void {
    const { inFlight, domainQueueSize, requests } = this.#names;
    for (const meter of this.#changed.splice(0)) {
      const { labels, ended } = meter;
      this.#metrics.gauge(inFlight, meter.inFlight, labels);
      this.#metrics.gauge(domainQueueSize, meter.waiting, labels);
      for (const [outcome, count] of Object.entries(ended)) {
        this.#metrics.count(requests, { ...labels, outcome }, count);
      }
      meter.ended = {};
      meter.isChanged = false;
    }
  }

  #create(domain: string): Meter {
    const label = this.#meters.size < MAX_DOMAIN_LABELS ? domain : "other";
    const meter: Meter = { labels: { domain: label }, inFlight: 0, waiting: 0, ended: {}, isChanged: false };
    this.#meters.set(label, meter);
    return meter;
  }
}
