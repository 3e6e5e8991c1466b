import { isPending } from "../lib/within.ts";
import type { Labels, Store } from "../platform.ts";
import type { Histogram, MetricsRegistry } from "./metrics.ts";

/** Milliseconds since a fixed moment, with the best resolution of the host; never goes back. */
export type Stopwatch = () => number;

/**
 * The same store with metrics: `millrace_store_seconds{operation}` is the duration of each operation, failed ones included, and
 * `millrace_store_errors_total{operation}` counts failures. An operation that never settles is in neither.
 */
export function meteredStore(
  store: Store,
  metrics: Pick<MetricsRegistry, "count" | "histogram">,
  stopwatch: Stopwatch,
): Store {
  const seconds: Partial<Record<Operation["operation"], Histogram>> = {};

  function ended(labels: Operation, began: number, isSound: boolean): void {
    const { operation } = labels;
    if (!isSound) metrics.count("millrace_store_errors_total", labels);
    seconds[operation] ??= metrics.histogram("millrace_store_seconds", labels);
    seconds[operation].observe((stopwatch() - began) / 1000);
  }

  /** Returns the original promise: no extra microtask. */
  function watched<T>(labels: Operation, began: number, work: Promise<T>): Promise<T> {
    work.then(
      () => ended(labels, began, true),
      () => ended(labels, began, false),
    );
    return work;
  }

  const measured = <T>(labels: Operation, run: () => Promise<T>) => watched(labels, stopwatch(), run());

  /** Stays synchronous where the store is. */
  function get(key: string): ReturnType<Store["get"]> {
    const began = stopwatch();
    let answer: ReturnType<Store["get"]>;
    try {
      answer = store.get(key);
    } catch (error) {
      ended(GET, began, false);
      throw error;
    }
    if (isPending(answer)) return watched(GET, began, answer);
    ended(GET, began, true);
    return answer;
  }

  const update = store.update?.bind(store);
  return {
    traits: store.traits,
    get,
    put: (key, value, options) => measured(PUT, () => store.put(key, value, options)),
    ...(update && { update: (key, decide) => measured(UPDATE, () => update(key, decide)) }),
    delete: (key) => measured(DELETE, () => store.delete(key)),
    list: (prefix, options) => measured(LIST, () => store.list(prefix, options)),
    close: () => store.close(),
  };
}

interface Operation extends Labels {
  operation: "get" | "put" | "update" | "delete" | "list";
}
const GET: Operation = { operation: "get" };
const PUT: Operation = { operation: "put" };
const UPDATE: Operation = { operation: "update" };
const DELETE: Operation = { operation: "delete" };
const LIST: Operation = { operation: "list" };
