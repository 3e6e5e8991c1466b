/**
 * Readers who come by all at once, so that there is a line to look at. Each has an address of its own and is in a place
 * where nobody has to be asked.
 * @module
 */
import type { Client, Random } from "../../../runtime/platform.ts";

export const CROWD_SIZE = 8;

/** A crowd, ready to come. */
export interface Crowd {
  /** One visit of each. @param url the page that they open. */
  visits(url: string): Request[];
  /** Who sent a request, if one of the crowd did. */
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
        // TEST-NET-3 (RFC 5737): nobody's.
        clients.set(request, { ip: `203.0.113.${byte}`, country: "JP", region: null });
        return request;
      });
    },
    clientOf: (request) => clients.get(request),
  };
}
