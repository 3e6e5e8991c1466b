import type { Labels, Metrics, Store } from "../platform.ts";
import { isPending } from "../within.ts";

/** Milliseconds since some moment that stays the same, as finely as the host tells them; never goes back. */
export type Stopwatch = () => number;

/**
 * The same store, measured: `store_seconds{operation}` has how long each operation took, however it ended, and
 * `store_errors_total{operation}` how many failed. An operation that never ends is in neither.
 */
export function meteredStore(store: Store, metrics: Metrics, stopwatch: Stopwatch): Store {
  function failed(labels: Operation, error: unknown): never {
    metrics.count("store_errors_total", labels);
    throw error;
  }

  const took = (labels: Operation, began: number) =>
    metrics.observe("store_seconds", (stopwatch() - began) / 1000, labels);

  async function measured<T>(labels: Operation, run: () => Promise<T>, began = stopwatch()): Promise<T> {
    try {
      return await run();
    } catch (error) {
      failed(labels, error);
    } finally {
      took(labels, began);
    }
  }

  /** What the store answers at once, stays so. */
  function get(key: string): ReturnType<Store["get"]> {
    const began = stopwatch();
    try {
      const answer = store.get(key);
      if (isPending(answer)) return measured(GET, () => answer, began);
      took(GET, began);
      return answer;
    } catch (error) {
      took(GET, began);
      failed(GET, error);
    }
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
