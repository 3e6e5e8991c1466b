/**
 * The client's address in the one form that identity is derived from. The form is a stable contract: change it and
 * every visitor gets a new EC hash.
 * @module
 */

/** The longest text there is to read: an IPv6 address with an embedded IPv4 part, brackets and a zone id. */
const MAX_LENGTH = 80;

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const GROUP = /^[0-9a-f]{1,4}$/;
/** Brackets in pairs, as in a URL; a zone id names an interface of this machine and says nothing of the client. */
const IPV6 = /^(?:([0-9a-f:.]+)(?:%[\w.~-]{1,32})?|\[([0-9a-f:.]+)(?:%[\w.~-]{1,32})?\])$/;

/**
 * Normalises an IP address:
 *
 * - IPv4 stays as it is: four decimal octets without leading zeros;
 * - IPv4-mapped IPv6, however it is written, becomes that IPv4;
 * - any other IPv6 keeps its /64 as 16 lowercase hex digits, because the other half changes as a device likes.
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

  const match = IPV6.exec(text.toLowerCase());
  if (match === null) return null;
  const groups = readGroups((match[1] ?? match[2])!);
  if (groups === null) return null;

  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (!isMapped) return groups.slice(0, 4).map(hex4).join("");
  const high = groups[6]!;
  const low = groups[7]!;
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The eight 16-bit groups of an IPv6 address; `::` stands for one zero group or more. */
function readGroups(text: string): number[] | null {
  const [head, tail, ...more] = unembedIpv4(text).split("::");
  if (more.length > 0) return null;
  if (tail === undefined) {
    const groups = readRun(head!);
    return groups?.length === 8 ? groups : null;
  }
  const before = readRun(head!);
  const after = readRun(tail);
  if (before === null || after === null || before.length + after.length > 7) return null;
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Groups between single colons; none for an empty text. */
function readRun(text: string): number[] | null {
  if (text === "") return [];
  const parts = text.split(":");
  return parts.every((part) => GROUP.test(part)) ? parts.map((part) => Number.parseInt(part, 16)) : null;
}

/** Writes a dotted IPv4 at the end of an IPv6 address as two groups; leaves everything else, sound or not. */
function unembedIpv4(text: string): string {
  const at = text.lastIndexOf(":") + 1;
  const last = text.slice(at);
  if (at === 0 || !IPV4.test(last)) return text;
  const [a, b, c, d] = last.split(".").map(Number) as [number, number, number, number];
  return `${text.slice(0, at)}${hex4(a * 256 + b)}:${hex4(c * 256 + d)}`;
}

const hex4 = (group: number): string => group.toString(16).padStart(4, "0");
