/**
 * Simulated readers who visit at the same time, so that partners get a queue. Each has its own address, in a country without
 * a consent rule.
 * @module
 */
import type { Client, Random } from "../../../runtime/platform.ts";

export const CROWD_SIZE = 8;

/** A source of simulated visits. */
export interface Crowd {
  /** Creates one visit for each reader. @param url the page that they open */
  visits(url: string): Request[];
  /** The client of a request, if it is one of these visits. */
  clientOf(request: Request): Client | undefined;
}

export function createCrowd(random: Random): Crowd {
  const clients = new WeakMap<Request, Client>();
  return {
    visits(url) {
      const lastBytes = new Uint8Array(CROWD_SIZE);
      random.fill(lastBytes);
      return Array.from(lastBytes, (byte) => {
        const request = new Request(url);
        // TEST-NET-3 (RFC 5737): reserved for documentation.
        clients.set(request, { ip: `203.0.113.${byte}`, country: "JP", region: null });
        return request;
      });
    },
    clientOf: (request) => clients.get(request),
  };
}
