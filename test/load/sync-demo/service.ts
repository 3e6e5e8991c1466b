/**
 * A small service on the engine: each identifier needs a few items, and each of its servers has all of them.
 * @module
 */
import { RateLimited, retryAfterMs, type SyncContext } from "../../../runtime/sync/index.ts";

/** The service, and what it counts. */
export interface Demand {
  readonly context: SyncContext<string>;
  /** Adds an identifier that needs these items and may ask these URLs. */
  add(identifier: string, items: readonly string[], urls: readonly string[]): void;
  /** Number of fetches started, by domain. */
  readonly starts: Map<string, number>;
  readonly inFlight: Map<string, number>;
  readonly mostInFlight: Map<string, number>;
  released: number;
}

/** Sets the service up. */
export function createDemand(): Demand {
  const needs = new Map<string, { items: Set<string>; urls: readonly string[] }>();
  const demand: Demand = {
    starts: new Map(),
    inFlight: new Map(),
    mostInFlight: new Map(),
    released: 0,
    add(identifier, items, urls) {
      needs.set(identifier, { items: new Set(items), urls });
    },
    context: {
      hasPending: async (identifier) => needs.has(identifier),
      neededItems: async (identifier) => [...(needs.get(identifier)?.items ?? [])],
      sources: async (identifier) => (needs.get(identifier)?.urls ?? []).map((url) => ({ url, key: url })),
      async fetch(_identifier, { url }, items, { signal }) {
        const domain = new URL(url).host;
        demand.starts.set(domain, (demand.starts.get(domain) ?? 0) + 1);
        const inFlight = (demand.inFlight.get(domain) ?? 0) + 1;
        demand.inFlight.set(domain, inFlight);
        demand.mostInFlight.set(domain, Math.max(inFlight, demand.mostInFlight.get(domain) ?? 0));
        try {
          // One item at a time, so that an identifier asks several servers.
          const response = await fetch(`${url}?items=${items[0]}`, { signal });
          const text = await response.text();
          if (response.status === 429) {
            throw new RateLimited(retryAfterMs(response.headers.get("retry-after"), Date.now()));
          }
          if (!response.ok) throw new Error(`status ${response.status}`);
          return { items: JSON.parse(text) as string[] };
        } finally {
          demand.inFlight.set(domain, demand.inFlight.get(domain)! - 1);
        }
      },
      async process(identifier, items) {
        const need = needs.get(identifier);
        if (need === undefined) return;
        for (const item of items) if (need.items.delete(item)) demand.released++;
        if (need.items.size === 0) needs.delete(identifier);
      },
    },
  };
  return demand;
}
