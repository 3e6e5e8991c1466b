/**
 * What all workers of a server say: their metrics and states, and the counts of those that ended.
 * @module
 */
import { valueWithin } from "../../../runtime/lib/within.ts";
import { countsOf, mergeMetrics } from "../../../runtime/observe/merge-metrics.ts";
import {
  createMetrics,
  type MetricSnapshot,
  type MetricsRegistry,
} from "../../../runtime/observe/metrics.ts";
import type { Clock, RateLimiter } from "../../../runtime/platform.ts";
import { observeProcess } from "../process-metrics.ts";
import type { Member } from "./member.ts";
import type { Gathered, MetricsByService, Reading } from "./messages.ts";

/** How long a worker may take to answer, in milliseconds; after that its last known counts are used. */
const READ_MS = 2_000;

/** Reads the members of a server. */
export class Gathering {
  /** The parent's own metrics. */
  readonly metrics: MetricsRegistry = createMetrics();
  readonly #members: () => Iterable<Member>;
  readonly #limiters: () => readonly RateLimiter[];
  readonly #clock: Clock;
  readonly #ended = new Map<string, MetricSnapshot[]>();
  readonly #asking = new Map<string, Promise<Gathered>>();

  constructor(options: {
    members: () => Iterable<Member>;
    limiters: () => readonly RateLimiter[];
    runtime: string;
    clock: Clock;
  }) {
    this.#members = options.members;
    this.#limiters = options.limiters;
    this.#clock = options.clock;
    observeProcess(this.metrics, options.runtime, options.clock);
  }

  /** Asks every worker. Simultaneous requests share the answers. */
  gather(service: string, what: Reading): Promise<Gathered> {
    const key = `${service} ${what}`;
    const known = this.#asking.get(key);
    if (known !== undefined) return known;
    const gathered = this.#ask(service, what);
    this.#asking.set(key, gathered);
    const forget = () => void this.#asking.delete(key);
    gathered.then(forget, forget);
    return gathered;
  }

  async #ask(service: string, what: Reading): Promise<Gathered> {
    const members = [...this.#members()].filter(({ isReadable }) => isReadable);
    const tables = this.#limiters().map((limiter) => limiter.tables?.() ?? []);
    const parts = await Promise.all(
      // One of them reports the tables of the limiters, so that a sum counts them once.
      members.map((member, i) => this.#read(member, service, what, i === 0 ? tables : [])),
    );
    return {
      parts: parts.filter((part) => part !== null),
      beside: [this.#ended.get(service) ?? [], this.metrics.snapshot()],
    };
  }

  async #read(
    member: Member,
    service: string,
    what: Reading,
    tables: ReturnType<NonNullable<RateLimiter["tables"]>>[],
  ) {
    try {
      const asked = member.channel.ask({ kind: "read", service, what, tables });
      const part = await valueWithin(asked, READ_MS, this.#clock);
      if (what === "metrics") member.lastMetrics[service] = part as MetricSnapshot[];
      return part;
    } catch {
      // Its last counts are among the ended ones, if it has ended.
      return what === "metrics" && member.isReadable ? (member.lastMetrics[service] ?? null) : null;
    }
  }

  /** Keeps the counts of a worker that ends, so that no sum falls. */
  keep(metrics: MetricsByService): void {
    for (const [service, snapshot] of Object.entries(metrics)) {
      this.#ended.set(service, mergeMetrics([this.#ended.get(service) ?? [], countsOf(snapshot)]));
    }
  }
}
