import type { Metrics, Store } from "../platform.ts";

/** Milliseconds since some moment that stays the same, as finely as the host tells them; never goes back. */
export type Stopwatch = () => number;

/**
 * The same store, measured: `store_seconds{operation}` has how long each operation took, however it ended, and
 * `store_errors_total{operation}` how many failed. An operation that never ends is in neither.
 */
export function meteredStore(store: Store, metrics: Metrics, stopwatch: Stopwatch): Store {
  async function measured<T>(labels: { operation: string }, run: () => Promise<T>): Promise<T> {
    const began = stopwatch();
    try {
      return await run();
    } catch (error) {
      metrics.count("store_errors_total", labels);
      throw error;
    } finally {
      metrics.observe("store_seconds", (stopwatch() - began) / 1000, labels);
    }
  }

  const update = store.update?.bind(store);
  return {
    traits: store.traits,
    get: (key) => measured(GET, () => store.get(key)),
    put: (key, value, options) => measured(PUT, () => store.put(key, value, options)),
    ...(update && { update: (key, decide) => measured(UPDATE, () => update(key, decide)) }),
    delete: (key) => measured(DELETE, () => store.delete(key)),
    list: (prefix, options) => measured(LIST, () => store.list(prefix, options)),
    close: () => store.close(),
  };
}

const GET = { operation: "get" };
const PUT = { operation: "put" };
const UPDATE = { operation: "update" };
const DELETE = { operation: "delete" };
const LIST = { operation: "list" };
