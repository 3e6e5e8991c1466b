/**
 * The client's address in the form that ids are derived from. The form is a stable contract: a change gives every visitor a new EC
 * hash.
 * @module
 */

/** Maximum length of an address: IPv6 with an embedded IPv4 part, brackets and a zone id. */
const MAX_LENGTH = 80;

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
/** Around an address: brackets in a pair, as in a URL, and a zone id, which names an interface of this machine. */
const BRACKETS = /^\[(.*)\]$/;
const ZONE = /%[\w.~-]{1,32}$/;

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
  if (IPV4.test(text)) return text;
  const bare = text.startsWith("[") ? text.replace(BRACKETS, "$1") : text;
  const groups = readGroups(bare.includes("%") ? bare.replace(ZONE, "") : bare);
  if (groups === null) return null;

  const [a, b, c, d, e, f, g, h] = groups as unknown as Groups;
  const isMapped = f === 0xffff && (a | b | c | d | e) === 0;
  return isMapped ? `${g >> 8}.${g & 255}.${h >> 8}.${h & 255}` : hex4(a) + hex4(b) + hex4(c) + hex4(d);
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

/** The eight 16-bit groups of an IPv6 address; `::` stands for one zero group or more, an IPv4 address for the last two. */
function readGroups(text: string): Uint16Array | null {
  const groups = new Uint16Array(8);
  let count = 0;
  let gap = text.startsWith("::") ? 0 : -1;
  let at = gap === 0 ? 2 : 0;
  while (at < text.length) {
    const colon = text.indexOf(":", at);
    if (colon === -1 && count < 7 && IPV4.test(text.slice(at))) {
      const [a, b, c, d] = text.slice(at).split(".").map(Number) as [number, number, number, number];
      groups[count++] = a * 256 + b;
      groups[count++] = c * 256 + d;
      break;
    }
    const group = readGroup(text, at, colon === -1 ? text.length : colon);
    if (group === -1 || count === 8) return null;
    groups[count++] = group;
    if (colon === -1) break;
    at = colon + 1;
    if (at === text.length) return null;
    if (!text.startsWith(":", at)) continue;
    if (gap !== -1) return null;
    gap = count;
    at++;
  }
  if (gap === -1) return count === 8 ? groups : null;
  if (count === 8) return null;
  const end = 8 - (count - gap);
  return groups.copyWithin(end, gap, count).fill(0, gap, end);
}

/** The value of one to four hex digits; -1 for any other text. */
function readGroup(text: string, at: number, stop: number): number {
  if (stop === at || stop > at + 4) return -1;
  let value = 0;
  for (let i = at; i < stop; i++) {
    const digit = Number.parseInt(text[i]!, 16);
    if (Number.isNaN(digit)) return -1;
    value = value * 16 + digit;
  }
  return value;
}

const hex4 = (group: number): string => group.toString(16).padStart(4, "0");
