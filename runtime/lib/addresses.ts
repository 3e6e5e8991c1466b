/**
 * Which hosts an address literal leads to. Names are not resolved here.
 * @module
 */
import ipaddr from "ipaddr.js";

/** Cloud platforms' metadata services that a range does not give away. */
const METADATA_HOSTS = new Set(["168.63.129.16", "metadata.google.internal"]);

/** A host as a URL's `hostname` has it, without brackets and the root's dot. */
function bare(host: string): string {
  const unbracketed = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  return unbracketed.toLowerCase().replace(/\.$/, "");
}

/** Whether a host can be reached from this machine only: 127.0.0.0/8, `::1`, and what ends in `localhost`. */
export function isLoopbackHost(host: string): boolean {
  const name = bare(host);
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  return ipaddr.isValid(name) && ipaddr.process(name).range() === "loopback";
}

/**
 * Whether a host is a literal address outside the public internet (private, loopback, link-local, a metadata service,
 * or one that embeds such an address), or a name of this machine. What any other name resolves to is not known here.
 * @param host as a URL's `hostname` has it.
 */
export function isInternalHost(host: string): boolean {
  const name = bare(host);
  if (isLoopbackHost(name) || METADATA_HOSTS.has(name)) return true;
  return ipaddr.isValid(name) && ipaddr.parse(name).range() !== "unicast";
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
