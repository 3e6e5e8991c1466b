/**
 * What an address literal is: loopback, internal, or in a range. This file resolves no names.
 * @module
 */
import { type Groups, isIpv4, isMapped, readIp } from "./ip-address.ts";

/** Metadata services of cloud platforms whose address range does not show what they are. */
const METADATA_HOSTS = new Set(["168.63.129.16", "metadata.google.internal"]);

/** Reachable from this machine only. */
const LOOPBACK = ["127.0.0.0/8", "::1"];

/**
 * Everything outside the public internet: the special-purpose registries of IANA (RFC 6890), multicast, and the forms of
 * IPv6 that embed an IPv4 address (`::/96`, NAT64, 6to4, Teredo in `2001::/23`).
 */
const INTERNAL = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"],
  ...["192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ...["224.0.0.0/3", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64"],
  ...["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16"],
  ...["fc00::/7", "fe80::/9", "ff00::/8"],
];

/** Removes brackets and a trailing dot. */
function bare(host: string): string {
  const unbracketed = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  return unbracketed.toLowerCase().replace(/\.$/, "");
}

/**
 * Whether a host can be reached from this machine only: 127.0.0.0/8, `::1`, `localhost`, and names that end in
 * `.localhost`. The only definition of loopback.
 */
export function isLoopbackHost(host: string): boolean {
  const name = bare(host);
  return name === "localhost" || name.endsWith(".localhost") || isInRanges(name, LOOPBACK);
}

/**
 * Whether a host is a literal address outside the public internet (private, loopback, link-local, a metadata service,
 * or one that embeds such an address), or a name of this machine. Other names are not resolved.
 * @param host as in a URL's `hostname`.
 */
export function isInternalHost(host: string): boolean {
  const name = bare(host);
  if (isLoopbackHost(name) || METADATA_HOSTS.has(name)) return true;
  const groups = readIp(name);
  if (groups === null) return isNumber(name);
  return (isMapped(groups) && !isIpv4(name)) || isInRanges(name, INTERNAL);
}

/**
 * Whether a host that is no address ends in a number, as `127.1` or `0x7f.0.0.1`: some resolvers read it as an IPv4
 * address. No public name does (URL Standard, "ends in a number").
 */
function isNumber(name: string): boolean {
  return /(?:^|\.)(?:\d+|0x[\da-f]*)$/.test(name);
}

/** A network: the first `bits` of the groups. */
interface Network {
  groups: Groups;
  bits: number;
}

/** Reads a range such as `10.0.0.0/8`, or one address; `null` for any other text. */
function readRange(text: string): Network | null {
  const slash = text.indexOf("/");
  const base = slash === -1 ? text : text.slice(0, slash);
  const groups = readIp(base);
  if (groups === null) return null;
  if (slash === -1) return { groups, bits: 128 };
  const length = text.slice(slash + 1);
  const bits = /^\d{1,3}$/.test(length) ? Number(length) + (isIpv4(base) ? 96 : 0) : 129;
  return bits > 128 ? null : { groups, bits };
}

/** The network of one client: an IPv4 address, or the first 64 bits of an IPv6 address. A text that is no address stays as it is. */
export function networkOf(address: string): string {
  const groups = readIp(address);
  if (groups === null || isIpv4(address)) return address;
  const hex = (group: number) => group.toString(16);
  if (!isMapped(groups)) return `${Array.from(groups).slice(0, 4).map(hex).join(":")}::/64`;
  const [high, low] = [groups[6]!, groups[7]!];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Whether a text is an address range such as `10.0.0.0/8`, or one address. */
export function isRange(text: string): boolean {
  return readRange(text) !== null;
}

/** Whether an address is in one of these ranges. An IPv4 address in IPv6 form counts as IPv4. */
export function isInRanges(address: string, ranges: readonly string[]): boolean {
  const groups = readIp(address);
  return groups !== null && ranges.some((range) => holds(readRange(range), groups));
}

/** A network holds an address of its own family: `::/0` holds no IPv4 address. */
function holds(network: Network | null, address: Groups): boolean {
  if (network === null || isMapped(network.groups) !== isMapped(address)) return false;
  return address.every((group, index) => {
    const free = 16 - Math.min(16, Math.max(0, network.bits - index * 16));
    return group >> free === network.groups[index]! >> free;
  });
}
