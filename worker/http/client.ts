/**
 * Who asks: from the socket, or from headers that the operator named, never from any other.
 * @module
 */
import { isInRanges } from "../../runtime/lib/addresses.ts";
import type { Client } from "../../runtime/platform.ts";

/** What the operator vouches for. */
export interface ClientHeaders {
  /** The header with the client's address; `null`: the socket's address counts. */
  ipHeader: string | null;
  countryHeader: string | null;
  regionHeader: string | null;
  /** The header with the scheme that the client used. */
  protocolHeader: string | null;
  /** How many proxies are in front, or the addresses that they have (CIDR). */
  trustedProxies: number | readonly string[];
}

/** The same where nothing is configured. */
export const NO_HEADERS: ClientHeaders = {
  ipHeader: null,
  countryHeader: null,
  regionHeader: null,
  protocolHeader: null,
  trustedProxies: 0,
};

/** The fields of a request, by name. */
interface Fields {
  get(name: string): string | null;
}

/**
 * The client of a request. Behind proxies whose number or addresses are configured, and without a header named for it,
 * `X-Forwarded-For` tells the address.
 * @param address the socket's peer. Behind a proxy it is the proxy's own.
 */
export function readClient(headers: Fields, address: string | null, names: ClientHeaders): Client {
  return {
    ip: readAddress(headers, address, names),
    country: names.countryHeader === null ? null : headers.get(names.countryHeader),
    region: names.regionHeader === null ? null : headers.get(names.regionHeader),
  };
}

/** Whether a client's address comes from the socket alone. */
export function needsSocketAddress({ ipHeader, trustedProxies }: ClientHeaders): boolean {
  return (ipHeader === null && trustedProxies === 0) || typeof trustedProxies !== "number";
}

function readAddress(headers: Fields, peer: string | null, names: ClientHeaders): string | null {
  const header = names.ipHeader ?? (hasProxies(names) ? "x-forwarded-for" : null);
  if (header === null) return peer;
  if (!isTrusted(peer, names)) return peer;
  const list = listOf(headers.get(header));
  return list[placeOfClient(list, names)] ?? null;
}

/** The scheme that the client used; `null`: nobody tells. */
export function readProtocol(
  headers: Fields,
  peer: string | null,
  names: ClientHeaders,
): "http" | "https" | null {
  const header = names.protocolHeader ?? (hasProxies(names) ? "x-forwarded-proto" : null);
  if (header === null || !isTrusted(peer, names)) return null;
  const list = listOf(headers.get(header));
  // Some proxies replace the field, others add to it: the proxy nearest to the client says it.
  const count = typeof names.trustedProxies === "number" ? Math.max(1, names.trustedProxies) : list.length;
  const told = list[Math.max(0, list.length - count)]?.toLowerCase();
  return told === "http" || told === "https" ? told : null;
}

function hasProxies({ trustedProxies }: ClientHeaders): boolean {
  return typeof trustedProxies === "number" ? trustedProxies > 0 : trustedProxies.length > 0;
}

/** Whether the connection's other end may say who asks. A number of proxies takes that for granted. */
function isTrusted(peer: string | null, { trustedProxies }: ClientHeaders): boolean {
  return (
    typeof trustedProxies === "number" ||
    trustedProxies.length === 0 ||
    isInRanges(peer ?? "", trustedProxies)
  );
}

/** Where in a list, to which each proxy added the address it was asked from, the client's is. */
function placeOfClient(list: readonly string[], { trustedProxies }: ClientHeaders): number {
  if (typeof trustedProxies === "number") return list.length - Math.max(1, trustedProxies);
  for (let i = list.length - 1; i > 0; i--) if (!isInRanges(list[i]!, trustedProxies)) return i;
  return 0;
}

function listOf(value: string | null): string[] {
  if (value === null) return [];
  return value
    .slice(-MAX_LIST_LENGTH)
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** As much of a list is read, in characters from its end. */
const MAX_LIST_LENGTH = 8192;
