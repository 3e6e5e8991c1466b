/**
 * What the operator's page is told, in JSON Schema. The compiler misses no field of it.
 * @module
 */
import type { StatusMetric } from "../../admin/status.ts";
import { EDGE_COOKIE, type Status, type StatusDomain } from "../admin/status.ts";
import { object } from "./schemas.ts";
import type { Schema } from "./types.ts";

/** Every field of `T`, and a schema for each. */
type Fields<T> = Record<keyof T & string, Schema>;

const count = (description: string): Schema => ({ type: "integer", minimum: 0, description });
const milliseconds = (description: string): Schema => ({ type: "number", minimum: 0, description });
const text = (description: string): Schema => ({ type: "string", description });
const list = (items: Schema, description: string): Schema => ({ type: "array", items, description });

const metric: Fields<StatusMetric> = {
  name: text("As in `/_ts/metrics`."),
  type: { enum: ["counter", "gauge", "histogram"] },
  bounds: list({ type: "number" }, "Upper bounds of a histogram's buckets; of others none."),
  series: list(
    object({
      labels: { type: "object", additionalProperties: { type: "string" } },
      value: { type: "number", description: "A histogram's is its sum." },
      counts: list(count("Observations."), "By bucket, the last one past every bound."),
    }),
    "One for each set of labels.",
  ),
};

const domain: Fields<StatusDomain> = {
  domain: text("The host."),
  max_concurrent: count("How many requests it may have at once."),
  max_per_minute: count("How many may start in any minute."),
  in_flight: count("How many it has now."),
  waiting: count("How many identifiers wait for it."),
  remaining: {
    type: ["integer", "null"],
    description: "Starts that its window had room for when last asked; `null`: not asked yet.",
  },
  opens_in_ms: milliseconds("Until the next start."),
  failures: count("Failures in a row."),
  rests: count("Rests in a row because of failures."),
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
    description: "False where the host may end an instance after any request, and the counters with it.",
  },
  metrics: list(object(metric), "Those that have been used."),
  sync: object({
    queued: count("Identifiers in the sync engine."),
    domains: list(object(domain), "The busiest domains."),
    domains_left_out: count("How many more there are."),
  }),
  windows: {
    ...object({
      keys: count("In use."),
      max_keys: count("Of how many."),
      refused: count("Takes refused because there was no room."),
      bytes: count("Of memory."),
    }),
    description: "The table of rate-limit windows.",
  },
};

export const statusSchema: Schema = object(status);
