/**
 * What an address literal is: loopback, internal, or in a range. This file resolves no names.
 * @module
 */
import ipaddr from "ipaddr.js";

/** Metadata services of cloud platforms whose address range does not show what they are. */
const METADATA_HOSTS = new Set(["168.63.129.16", "metadata.google.internal"]);

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
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  return ipaddr.isValid(name) && ipaddr.process(name).range() === "loopback";
}

/**
 * Whether a host is a literal address outside the public internet (private, loopback, link-local, a metadata service,
 * or one that embeds such an address), or a name of this machine. Other names are not resolved.
 * @param host as in a URL's `hostname`.
 */
export function isInternalHost(host: string): boolean {
  const name = bare(host);
  if (isLoopbackHost(name) || METADATA_HOSTS.has(name)) return true;
  if (!ipaddr.isValid(name)) return false;
  const address = ipaddr.parse(name);
  return address.range() !== "unicast" || isIpv4Compatible(address);
}

/** The deprecated form `::7f00:1`, which embeds an IPv4 address (RFC 4291, section 2.5.5.1). */
function isIpv4Compatible(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return address instanceof ipaddr.IPv6 && address.parts.slice(0, 6).every((part) => part === 0);
}

/** Whether a text is an address range such as `10.0.0.0/8`, or one address. */
export function isRange(text: string): boolean {
  return text.includes("/") ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text);
}

/** Whether an address is in one of these ranges. An IPv4 address in IPv6 form counts as IPv4. */
export function isInRanges(address: string, ranges: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return ranges.some((range) => {
    const [base, bits] = range.includes("/")
      ? ipaddr.parseCIDR(range)
      : [ipaddr.process(range), parsed.kind() === "ipv4" ? 32 : 128];
    if (base.kind() !== parsed.kind()) return false;
    return (parsed as ipaddr.IPv4).match(base as ipaddr.IPv4, bits);
  });
}
