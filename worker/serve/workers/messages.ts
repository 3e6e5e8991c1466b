/**
 * What the parent and its workers ask each other, as plain data.
 * @module
 */
import type { LimiterCall } from "../../../runtime/limiters/owned.ts";
import type { MetricSnapshot } from "../../../runtime/observe/metrics.ts";
import type { TableView } from "../../../runtime/platform.ts";
import type { Listen } from "../../hosts/server.ts";
import type { TableSizes } from "../../hosts/table-sizes.ts";

/** What can be read of one service in a worker. */
export type Reading = "metrics" | "status" | "past";

/** The metrics of a process, by the service's title. */
export type MetricsByService = Readonly<Record<string, readonly MetricSnapshot[]>>;

/** Questions of a worker. */
export type ToParent =
  /** The first question. Answer: {@link Place}. */
  | { readonly kind: "hello" }
  /** Opens the owner's limiter with this number. */
  | { readonly kind: "open limiter"; readonly limiter: number; readonly sizes: TableSizes }
  | { readonly kind: "limiter"; readonly limiter: number; readonly call: LimiterCall }
  /** It listens: the URL of each service, by title. */
  | { readonly kind: "ready"; readonly urls: Readonly<Record<string, string>> }
  /** It cannot start. */
  | { readonly kind: "failed"; readonly message: string }
  /** Asks what all workers say. Answer: {@link Gathered}. */
  | { readonly kind: "gather"; readonly service: string; readonly what: Reading }
  /** It ends now; these were its last counts. */
  | { readonly kind: "bye"; readonly metrics: MetricsByService };

/** Questions of the parent. */
export type ToWorker =
  | { readonly kind: "stop"; readonly signal: string }
  | { readonly kind: "reload" }
  /** A take found no room in the owner's limiter. */
  | { readonly kind: "full"; readonly limiter: number; readonly table: string }
  /** Reads one service. `tables`: those of the owner's limiters, for the one worker that reports them. */
  | {
      readonly kind: "read";
      readonly service: string;
      readonly what: Reading;
      readonly tables: readonly (readonly TableView[])[];
    };

/** A worker's place among the others. */
export interface Place {
  /** From 1. A worker that replaces another has its number. */
  readonly number: number;
  readonly count: number;
  /** A random name of the server as a whole. */
  readonly instance: string;
  /** When the parent started, in milliseconds since the epoch. */
  readonly startedMs: number;
  /** Where each service listens, by title. `socket`: the number of the socket that the parent sends. */
  readonly places: Readonly<Record<string, { readonly listen: Listen; readonly socket: number | null }>>;
}

/** The message that a socket comes with. */
export interface SocketMessage {
  readonly socket: number;
}

/** What all workers say. */
export interface Gathered {
  /** The answer of each worker. */
  readonly parts: readonly unknown[];
  /** The counts of workers that ended, and the parent's own metrics. */
  readonly beside: readonly (readonly MetricSnapshot[])[];
}

/** The environment variable that makes a process a worker. */
export const WORKER_VARIABLE = "MILLRACE_WORKER";
