/**
 * The client's address in the form that ids are derived from. The form is a stable contract: a change gives every visitor a new EC
 * hash.
 * @module
 */

import { isIpv4, isMapped, readIpv6 } from "../../lib/ip-address.ts";

/** Maximum length of an address: IPv6 with an embedded IPv4 part, brackets and a zone id. */
const MAX_LENGTH = 80;

/** Brackets in a pair, as in a URL. */
const BRACKETS = /^\[(.*)\]$/;

/**
 * Normalises an IP address:
 *
 * - IPv4 stays as it is: four decimal octets without leading zeros;
 * - IPv4-mapped IPv6, however it is written, becomes that IPv4;
 * - any other IPv6 keeps its /64 as 16 lowercase hex digits, because devices change the other half.
 *
 * @example
 * normaliseIp("203.0.113.1"); // "203.0.113.1"
 * normaliseIp("::ffff:203.0.113.1"); // "203.0.113.1"
 * normaliseIp("2001:db8:85a3::8a2e:370:7334"); // "20010db885a30000"
 *
 * @param text one address, with neither port nor prefix length; IPv6 may have brackets and a zone id
 * @returns `null` if `text` is no IP address
 */
export function normaliseIp(text: string): string | null {
  if (text.length > MAX_LENGTH) return null;
  if (isIpv4(text)) return text;
  const groups = readIpv6(text.startsWith("[") ? text.replace(BRACKETS, "$1") : text);
  if (groups === null) return null;
  const [a, b, c, d, , , g, h] = groups as unknown as Groups;
  return isMapped(groups)
    ? `${g >> 8}.${g & 255}.${h >> 8}.${h & 255}`
    : hex4(a) + hex4(b) + hex4(c) + hex4(d);
}

/**
 * The network of an address, too coarse to identify a household: the first 24 bits of IPv4, the first 64 of
 * IPv6, and of a 6to4 address (RFC 3056), which holds an IPv4 address in those, the part of the first 24.
 *
 * @example
 * networkOfIp("203.0.113.77"); // "203.0.113.0"
 * networkOfIp("2001:db8:85a3::8a2e:370:7334"); // "2001:db8:85a3:0::"
 *
 * @param text as for {@link normaliseIp}
 * @returns `null` if `text` is no IP address
 */
export function networkOfIp(text: string): string | null {
  const ip = normaliseIp(text);
  if (ip === null) return null;
  if (ip.includes(".")) return ip.replace(/\d+$/, "0");
  const [a, b, c, d] = ip.match(/.{4}/g)!.map((group) => Number.parseInt(group, 16)) as unknown as Groups;
  const kept = a === 0x2002 ? [a, b, c & 0xff00, 0] : [a, b, c, d];
  return `${kept.map((group) => group.toString(16)).join(":")}::`;
}

type Groups = [number, number, number, number, number, number, number, number];

const hex4 = (group: number): string => group.toString(16).padStart(4, "0");
