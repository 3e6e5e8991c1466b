/**
 * Reads IP addresses. The only reader: the client's normal form and the rules about networks use it.
 * @module
 */

/** An address of either family: IPv4 is `::ffff:a.b.c.d`. */
export type Groups = Uint16Array;

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const ZONE = /%[\w.~-]{1,32}$/;

/** Whether a text is an IPv4 address: four decimal octets without leading zeros. */
export function isIpv4(text: string): boolean {
  return IPV4.test(text);
}

/** The groups of an IPv4 or IPv6 address; `null` for any other text. */
export function readIp(text: string): Groups | null {
  return readIpv6(isIpv4(text) ? `::ffff:${text}` : text);
}

/**
 * The eight 16-bit groups of an IPv6 address. A zone id, which names an interface of this machine, is left out.
 * @param text without brackets; `::` replaces one zero group or more, an IPv4 address the last two groups
 * @returns `null` if `text` is no IPv6 address
 */
export function readIpv6(text: string): Groups | null {
  return readGroups(text.includes("%") ? text.replace(ZONE, "") : text);
}

/** Whether the groups are an IPv4 address in IPv6 form: `::ffff:0:0/96` (RFC 4291, section 2.5.5.2). */
export function isMapped(groups: Groups): boolean {
  return groups[5] === 0xffff && (groups[0]! | groups[1]! | groups[2]! | groups[3]! | groups[4]!) === 0;
}

function readGroups(text: string): Groups | null {
  const groups = new Uint16Array(8);
  let count = 0;
  let gap = text.startsWith("::") ? 0 : -1;
  let at = gap === 0 ? 2 : 0;
  while (at < text.length) {
    const colon = text.indexOf(":", at);
    if (colon === -1 && count < 7 && isIpv4(text.slice(at))) {
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
