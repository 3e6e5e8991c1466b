/**
 * Who asks: from the socket, or from headers that the operator named, never from any other.
 * @module
 */
import type { Client } from "../runtime/platform.ts";

/** The headers that the operator vouches for; `null`: none, so the socket's address and no geography. */
export interface ClientHeaders {
  ipHeader: string | null;
  countryHeader: string | null;
  regionHeader: string | null;
}

/**
 * The client of a request.
 * @param address the socket's peer. Not used once `ipHeader` is named: behind a proxy it would be the proxy's own.
 */
export function readClient(headers: Headers, address: string | null, names: ClientHeaders): Client {
  return {
    // A proxy that adds itself to a list puts the address it saw last.
    ip: names.ipHeader === null ? address : lastOf(headers.get(names.ipHeader)),
    country: names.countryHeader === null ? null : headers.get(names.countryHeader),
    region: names.regionHeader === null ? null : headers.get(names.regionHeader),
  };
}

function lastOf(list: string | null): string | null {
  if (list === null) return null;
  const last = list.slice(list.lastIndexOf(",") + 1).trim();
  return last === "" ? null : last;
}
