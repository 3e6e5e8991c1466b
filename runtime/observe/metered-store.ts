import { isPending } from "../lib/within.ts";
import type { Labels, Metrics, Store } from "../platform.ts";

/** Milliseconds since a fixed moment, with the best resolution of the host; never goes back. */
export type Stopwatch = () => number;

/**
 * The same store with metrics: `millrace_store_seconds{operation}` is the duration of each operation, failed ones included, and
 * `millrace_store_errors_total{operation}` counts failures. An operation that never settles is in neither.
 */
export function meteredStore(store: Store, metrics: Metrics, stopwatch: Stopwatch): Store {
  function ended(labels: Operation, began: number, isSound: boolean): void {
    if (!isSound) metrics.count("millrace_store_errors_total", labels);
    metrics.observe("millrace_store_seconds", (stopwatch() - began) / 1000, labels);
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
  operation: string;
}
const GET = { operation: "get" };
const PUT = { operation: "put" };
const UPDATE = { operation: "update" };
const DELETE = { operation: "delete" };
const LIST = { operation: "list" };
