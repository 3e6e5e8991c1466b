/**
 * The status for the operator's page, in JSON Schema. The compiler checks that every field has a schema.
 * @module
 */
import type { Past, PastSample } from "../../admin/past.ts";
import type { StatusDomain, StatusMetric } from "../../admin/status.ts";
import { EDGE_COOKIE, type Status } from "../admin/status.ts";
import { object } from "./schemas.ts";
import type { Schema } from "./types.ts";

/** A schema for each field of `T`. */
type Fields<T> = Record<keyof T & string, Schema>;

const count = (description: string): Schema => ({ type: "integer", minimum: 0, description });
const milliseconds = (description: string): Schema => ({ type: "number", minimum: 0, description });
const text = (description: string): Schema => ({ type: "string", description });
const list = (items: Schema, description: string): Schema => ({ type: "array", items, description });

const metric: Fields<StatusMetric> = {
  name: text("The name in `/_ts/metrics`."),
  type: { enum: ["counter", "gauge", "histogram"] },
  bounds: list({ type: "number" }, "Upper bounds of a histogram's buckets; empty for other types."),
  series: list(
    object({
      labels: { type: "object", additionalProperties: { type: "string" } },
      value: { type: "number", description: "The sum, for a histogram." },
      counts: list(
        count("The number of observations."),
        "Observations by bucket. The last bucket has no bound.",
      ),
    }),
    "One series for each set of labels.",
  ),
};

const domain: Fields<StatusDomain> = {
  domain: text("The host."),
  max_concurrent: count("Maximum number of concurrent requests."),
  max_per_minute: count("Maximum number of requests in any minute."),
  in_flight: count("Requests in flight."),
  waiting: count("Waiting identifiers."),
  remaining: {
    type: ["integer", "null"],
    description: "Remaining requests of the minute when they were last read; `null` before the first read.",
  },
  opens_in_ms: milliseconds("Time until the next request."),
  failures: count("Consecutive failures."),
  rests: count("Consecutive pauses because of failures."),
};

const status: Fields<Status> = {
  service: { const: EDGE_COOKIE },
  instance: text("The instance that answered. Its counters are its own."),
  started_ms: milliseconds("When it started, since the Unix epoch."),
  now_ms: milliseconds("Its time, since the Unix epoch."),
  publisher: text("The publisher's domain."),
  store: text("The kind of store."),
  lives_between_requests: {
    type: "boolean",
    description: "False if the host may end an instance after any request. Its counters are then lost.",
  },
  workers: count("Number of processes whose counters these are."),
  metrics: list(object(metric), "The metrics with at least one series."),
  sync: object({
    queued: count("Identifiers in the sync engine."),
    domains: list(object(domain), "The busiest domains."),
    domains_left_out: count("The number of further domains."),
  }),
  windows: {
    ...object({
      keys: count("Used windows."),
      max_keys: count("Capacity."),
      refused: count("Takes refused because the tables were full."),
      bytes: count("Used memory in bytes."),
    }),
    description: "The tables of rate-limit windows.",
  },
};

export const statusSchema: Schema = object(status);

const figures = (description: string): Schema => ({
  type: "object",
  additionalProperties: { type: "number" },
  description,
});

const sample: Fields<PastSample> = {
  at_ms: milliseconds("When it was taken, since the Unix epoch."),
  counters: figures("Values that only grow."),
  levels: figures("Values that rise and fall."),
  store: {
    type: "object",
    additionalProperties: { type: "array", items: count("The number of observations.") },
    description: "The store's observations by operation and bucket.",
  },
};

const past: Fields<Past> = {
  instance: text("The instance whose figures these are."),
  now_ms: milliseconds("Its time, since the Unix epoch."),
  samples: list(object(sample), "The oldest first. Empty on hosts that keep none."),
};

export const pastSchema: Schema = object(past);
