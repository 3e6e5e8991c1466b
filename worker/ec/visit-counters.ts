/**
 * The counters of visits.
 * @module
 */
import type { Finalization } from "../../runtime/ec/finalize.ts";
import type { Consent, ConsentReason, Jurisdiction } from "../../runtime/ec/request/consent.ts";
import { isPermission } from "../../runtime/ec/request/consent.ts";
import { REQUEST_SECONDS, STATUS_CLASSES, type StatusClass } from "../../runtime/ec/request-metrics.ts";
import type { Stopwatch } from "../../runtime/observe/metered-store.ts";
import { describeAll } from "../../runtime/observe/metric-list.ts";
import type { Counter, Histogram, MetricsRegistry } from "../../runtime/observe/metrics.ts";
import type { Log } from "../../runtime/platform.ts";
import type { RouteKind } from "./route-kind.ts";

/** Counts visits by their route and end, and writes at level debug why one may have no id. */
export class VisitCounters {
  readonly #metrics: MetricsRegistry;
  readonly #log: Pick<Log, "debug">;
  /** The fields of a log line. */
  readonly #refusals = new ByTwo((jurisdiction: Jurisdiction, reason: ConsentReason) => ({
    jurisdiction,
    reason,
  }));
  readonly #requests: ByTwo<RouteKind, Finalization["branch"], Counter>;
  readonly #consents: ByTwo<Jurisdiction, ConsentReason, Counter>;
  readonly #durations: ByTwo<RouteKind, StatusClass, Histogram>;
  readonly #stopwatch: Stopwatch;

  constructor(metrics: MetricsRegistry, log: Pick<Log, "debug">, stopwatch: Stopwatch) {
    this.#metrics = metrics;
    this.#log = log;
    this.#stopwatch = stopwatch;
    describeAll(metrics, [REQUEST_SECONDS]);
    this.#durations = new ByTwo((route, status) =>
      metrics.histogram("millrace_ec_request_seconds", { route, status }),
    );
    this.#requests = new ByTwo((route, branch) =>
      metrics.counter("millrace_ec_requests_total", { route, branch }),
    );
    this.#consents = new ByTwo((jurisdiction, reason) =>
      metrics.counter("millrace_ec_consent_total", {
        jurisdiction,
        allowed: String(isPermission(reason)),
        reason,
      }),
    );
  }

  /** When a request begins, in milliseconds of the stopwatch. */
  begin(): number {
    return this.#stopwatch();
  }

  /** Records how long a request took. @param beganMs what {@link begin} returned */
  took(route: RouteKind, status: number, beganMs: number): void {
    const seconds = Math.max(0, this.#stopwatch() - beganMs) / 1000;
    this.#durations.get(route, STATUS_CLASSES[Math.floor(status / 100) - 1] ?? "5xx").observe(seconds);
  }

  /** Counts an answered request. */
  answered(route: RouteKind, branch: Finalization["branch"], consent: Consent): void {
    this.#requests.get(route, branch).add();
    // Partners' servers and operators call the API.
    if (route === "api") return;
    const { jurisdiction, reason } = consent;
    this.#consents.get(jurisdiction, reason).add();
    if (!isPermission(reason)) {
      this.#log.debug("consent does not allow an id", this.#refusals.get(jurisdiction, reason));
    }
  }

  /** Counts a request that ended with an exception or a status of 500 or above. */
  failed(route: RouteKind): void {
    this.#metrics.count("millrace_ec_server_errors_total", { route });
  }
}

/** Values by two keys. Each is created when it is first asked for. Most requests are like the one before, whose value is at hand. */
class ByTwo<A, B, V> {
  readonly #create: (a: A, b: B) => V;
  readonly #values = new Map<A, Map<B, V>>();
  #a: A | undefined;
  #b: B | undefined;
  #last: V | undefined;

  constructor(create: (a: A, b: B) => V) {
    this.#create = create;
  }

  get(a: A, b: B): V {
    if (a === this.#a && b === this.#b) return this.#last!;
    this.#a = a;
    this.#b = b;
    this.#last = this.#values.get(a)?.get(b) ?? this.#add(a, b);
    return this.#last;
  }

  #add(a: A, b: B): V {
    const value = this.#create(a, b);
    this.#values.set(a, new Map(this.#values.get(a)).set(b, value));
    return value;
  }
}
