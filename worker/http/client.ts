/**
 * The client of a request: from the socket or from headers that the operator named, never from other headers.
 * @module
 */
import { isInRanges } from "../../runtime/lib/addresses.ts";
import type { Client } from "../../runtime/platform.ts";

/** The headers that the operator trusts. */
export interface ClientHeaders {
  /** The header with the client's address. `null`: the socket's address is used. */
  ipHeader: string | null;
  countryHeader: string | null;
  regionHeader: string | null;
  /** The header with the client's scheme. */
  protocolHeader: string | null;
  /** The number of proxies in front, or their addresses (CIDR). */
  trustedProxies: number | readonly string[];
}

/** Trusts no header. */
export const NO_HEADERS: ClientHeaders = {
  ipHeader: null,
  countryHeader: null,
  regionHeader: null,
  protocolHeader: null,
  trustedProxies: 0,
};

/** Access to the header fields of a request by name. */
interface Fields {
  get(name: string): string | null;
}

/**
 * Reads the client of a request. Behind configured proxies, and without `ipHeader`, the address comes from
 * `X-Forwarded-For`.
 * @param address the socket's peer: the proxy if there is one
 */
export function readClient(headers: Fields, address: string | null, names: ClientHeaders): Client {
  return {
    ip: readAddress(headers, address, names),
    country: names.countryHeader === null ? null : headers.get(names.countryHeader),
    region: names.regionHeader === null ? null : headers.get(names.regionHeader),
  };
}

/** Whether reading the client needs the socket's address. */
export function needsSocketAddress({ ipHeader, trustedProxies }: ClientHeaders): boolean {
  return (ipHeader === null && trustedProxies === 0) || typeof trustedProxies !== "number";
}

function readAddress(headers: Fields, peer: string | null, names: ClientHeaders): string | null {
  const header = names.ipHeader ?? (hasProxies(names) ? "x-forwarded-for" : null);
  if (header === null) return peer;
  if (!isTrusted(peer, names)) return peer;
  const list = listOf(headers.get(header));
  return list[indexOfClient(list, names)] ?? null;
}

/** The client's scheme; `null` if no trusted header has it. */
export function readProtocol(
  headers: Fields,
  peer: string | null,
  names: ClientHeaders,
): "http" | "https" | null {
  const header = names.protocolHeader ?? (hasProxies(names) ? "x-forwarded-proto" : null);
  if (header === null || !isTrusted(peer, names)) return null;
  const list = listOf(headers.get(header));
  // Some proxies replace the field, others append to it. The value of the proxy nearest to the client counts.
  const count = typeof names.trustedProxies === "number" ? Math.max(1, names.trustedProxies) : list.length;
  const scheme = list[Math.max(0, list.length - count)]?.toLowerCase();
  return scheme === "http" || scheme === "https" ? scheme : null;
}

function hasProxies({ trustedProxies }: ClientHeaders): boolean {
  return typeof trustedProxies === "number" ? trustedProxies > 0 : trustedProxies.length > 0;
}

/** Whether the peer's headers are trusted. If the number of proxies is configured, they always are. */
function isTrusted(peer: string | null, { trustedProxies }: ClientHeaders): boolean {
  return (
    typeof trustedProxies === "number" ||
    trustedProxies.length === 0 ||
    isInRanges(peer ?? "", trustedProxies)
  );
}

/** The index of the client's address in a list to which each proxy appended its peer's address. */
function indexOfClient(list: readonly string[], { trustedProxies }: ClientHeaders): number {
  if (typeof trustedProxies === "number") return list.length - Math.max(1, trustedProxies);
  for (let i = list.length - 1; i > 0; i--) if (!isInRanges(list[i]!, trustedProxies)) return i;
  return 0;
}

function listOf(value: string | null): string[] {
  if (value === null) return [];
  const text = value.slice(-MAX_LIST_LENGTH);
  if (text !== "" && !LIST_OR_SPACE.test(text)) return [text];
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** Most values are one item, without space around it. */
const LIST_OR_SPACE = /[,\s]/;
/** Maximum number of characters that are read, from the end of a list. */
const MAX_LIST_LENGTH = 8192;
