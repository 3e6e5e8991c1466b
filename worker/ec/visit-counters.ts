/**
 * The counters of visits.
 * @module
 */
import type { Finalization } from "../../runtime/ec/finalize.ts";
import type { Consent, ConsentReason, Jurisdiction } from "../../runtime/ec/request/consent.ts";
import { isPermission } from "../../runtime/ec/request/consent.ts";
import type { Counter, MetricsRegistry } from "../../runtime/observe/metrics.ts";
import type { RouteKind } from "./route-kind.ts";

/** Counts visits by their route and end. */
export class VisitCounters {
  readonly #metrics: MetricsRegistry;
  readonly #requests: CountersByTwo<RouteKind, Finalization["branch"]>;
  readonly #consents: CountersByTwo<Jurisdiction, ConsentReason>;

  constructor(metrics: MetricsRegistry) {
    this.#metrics = metrics;
    this.#requests = new CountersByTwo((route, branch) =>
      metrics.counter("ec_requests_total", { route, branch }),
    );
    this.#consents = new CountersByTwo((jurisdiction, reason) =>
      metrics.counter("ec_consent_total", { jurisdiction, allowed: String(isPermission(reason)), reason }),
    );
  }

  /** Counts an answered request. */
  answered(route: RouteKind, branch: Finalization["branch"], consent: Consent): void {
    this.#requests.get(route, branch).add();
    // Partners' servers and operators call the API.
    if (route !== "api") this.#consents.get(consent.jurisdiction, consent.reason).add();
  }

  /** Counts a request that ended with an exception or a status of 500 or above. */
  failed(route: RouteKind): void {
    this.#metrics.count("ec_server_errors_total", { route });
  }
}

/** Counters by two labels. Finding one allocates nothing; each is created when it is first asked for. */
class CountersByTwo<A, B> {
  readonly #create: (a: A, b: B) => Counter;
  readonly #counters = new Map<A, Map<B, Counter>>();

  constructor(create: (a: A, b: B) => Counter) {
    this.#create = create;
  }

  get(a: A, b: B): Counter {
    return this.#counters.get(a)?.get(b) ?? this.#add(a, b);
  }

  #add(a: A, b: B): Counter {
    const counter = this.#create(a, b);
    this.#counters.set(a, new Map(this.#counters.get(a)).set(b, counter));
    return counter;
  }
}
