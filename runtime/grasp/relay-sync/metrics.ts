/**
 * The metrics of relay sync (O12): their names, and what counts where. Names of relays come from events: at most 100 are labels.
 * @module
 */
import type { MetricDescription } from "../../observe/metric-list.ts";
import type { Metrics } from "../../platform.ts";
import {
  type AvoidReason,
  type CloseReason,
  type ReceivedOutcome,
  type RelayState,
  type RelaySyncEvent,
  type RelaySyncView,
  STATES,
} from "./events.ts";

/** Relays that have a series of their own. */
const MAX_NAMED = 100;
const CLOSE_REASONS: readonly (CloseReason | "memory")[] = [
  ...(["connection", "dns", "tls", "protocol", "address", "too-large", "memory"] as const),
];
const AVOID_REASONS: readonly AvoidReason[] = [
  ...(["dns", "tls", "protocol", "address", "invalid-signature", "not-asked-for", "flood"] as const),
];
const OUTCOMES: readonly ReceivedOutcome[] = ["stored", "waits", "duplicate", "later", "refused", "error"];
const OPEN: ReadonlySet<RelayState> = new Set(["syncing", "connected", "connected-history-failed"]);
const PLACES = ["hot", "cold"] as const;

export const RELAY_SYNC_METRICS: readonly MetricDescription[] = [
  {
    name: "grasp_relay_status",
    type: "gauge",
    help: `State of the connection to another relay: ${STATES.map((state, at) => `${at} ${state}`).join(", ")}.`,
    labels: { relay: [] },
    isOpen: true,
  },
  {
    name: "grasp_relay_attempts_total",
    type: "counter",
    help: "Connections to other relays that were tried.",
  },
  {
    name: "grasp_relay_failures_total",
    type: "counter",
    help: "Connections to other relays that failed or broke, by reason.",
    labels: { reason: CLOSE_REASONS },
  },
  {
    name: "grasp_relay_events_total",
    type: "counter",
    help: "Events that other relays sent, by outcome; later: refused for want of something that may come.",
    labels: { outcome: OUTCOMES },
  },
  { name: "grasp_relays_tracked", type: "gauge", help: "Relays that announcements list." },
  { name: "grasp_relays_connected", type: "gauge", help: "Relays with an open connection." },
  {
    name: "grasp_relays_dead",
    type: "gauge",
    help: "Relays that failed for a day; they are tried once a day.",
  },
  { name: "grasp_relays_avoided", type: "gauge", help: "Relays that are not tried for some hours." },
  {
    name: "grasp_relay_avoided_total",
    type: "counter",
    help: "How often a relay was given up for some hours, by reason.",
    labels: { reason: AVOID_REASONS },
  },
  {
    name: "grasp_relay_rate_limits_total",
    type: "counter",
    help: "How often another relay asked for fewer requests.",
  },
  {
    name: "grasp_relay_histories_total",
    type: "counter",
    help: "Histories that were read from other relays, by result.",
    labels: { result: ["complete", "incomplete"] },
  },
  {
    name: "grasp_relay_refused",
    type: "gauge",
    help: "Refused events that may be let in later, by place: hot (with the event), or cold (the id).",
    labels: { place: PLACES },
  },
  {
    name: "grasp_relay_refused_hits_total",
    type: "counter",
    help: "Events that were not fetched or judged again because they were refused before, by place.",
    labels: { place: PLACES },
  },
];

/** Counts what happens, and samples the rest when somebody asks. */
export class RelaySyncMetrics {
  readonly #metrics: Pick<Metrics, "count" | "gauge">;
  readonly #named = new Set<string>();

  constructor(metrics: Pick<Metrics, "count" | "gauge">) {
    this.#metrics = metrics;
  }

  readonly listen = (event: RelaySyncEvent): void => {
    const metrics = this.#metrics;
    switch (event.kind) {
      case "attempt":
        metrics.count("grasp_relay_attempts_total");
        return;
      case "untracked":
        this.#forget(event.relay);
        return;
      case "closed":
        if (event.because !== null) metrics.count("grasp_relay_failures_total", { reason: event.because });
        return;
      case "avoided":
        metrics.count("grasp_relay_avoided_total", { reason: event.because });
        return;
      case "rate-limited":
        metrics.count("grasp_relay_rate_limits_total");
        return;
      case "received":
        metrics.count("grasp_relay_events_total", { outcome: event.outcome });
        return;
      case "history":
        metrics.count("grasp_relay_histories_total", { result: event.complete ? "complete" : "incomplete" });
        return;
      case "refused-hit":
        metrics.count("grasp_relay_refused_hits_total", { place: event.where }, event.count);
        return;
      default:
        return;
    }
  };

  sample({ relays, refusedHot, refusedCold }: RelaySyncView): void {
    const metrics = this.#metrics;
    for (const { url, state } of relays) {
      if (!this.#isNamed(url)) continue;
      metrics.gauge("grasp_relay_status", STATES.indexOf(state), { relay: url });
    }
    metrics.gauge("grasp_relays_tracked", relays.length);
    metrics.gauge("grasp_relays_connected", relays.filter(({ state }) => OPEN.has(state)).length);
    metrics.gauge("grasp_relays_dead", relays.filter(({ health }) => health === "dead").length);
    metrics.gauge("grasp_relays_avoided", relays.filter(({ state }) => state === "avoided").length);
    metrics.gauge("grasp_relay_refused", refusedHot, { place: "hot" });
    metrics.gauge("grasp_relay_refused", refusedCold, { place: "cold" });
  }

  #isNamed(relay: string): boolean {
    if (this.#named.has(relay)) return true;
    if (this.#named.size >= MAX_NAMED) return false;
    this.#named.add(relay);
    return true;
  }

  /** A relay that is gone is disconnected; its series stays, as series do. */
  #forget(relay: string): void {
    if (this.#named.delete(relay)) this.#metrics.gauge("grasp_relay_status", 0, { relay });
  }
}
