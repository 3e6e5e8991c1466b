import { isIP, isIPv4 } from "node:net";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { normaliseIp } from "../../runtime/ec/request/ip.ts";
import { isInRanges, isInternalHost, isLoopbackHost } from "../../runtime/lib/addresses.ts";

/** The same contract, computed by the host: it decides what an address is, and its URL parser writes it canonically. */
function expected(text: string): string | null {
  const bare = text.startsWith("[") && text.endsWith("]") && text.includes(":") ? text.slice(1, -1) : text;
  if (isIP(bare) === 0) return null;
  if (isIPv4(bare)) return bare;
  const groups = new URL(`http://[${bare.replace(/%.*/, "")}]`).hostname.slice(1, -1);
  const [head, tail] = groups.split("::");
  const before = head ? head.split(":") : [];
  const after = tail ? tail.split(":") : [];
  const all = [...before, ...new Array(8 - before.length - after.length).fill("0"), ...after];
  const full = all.map((group) => group.padStart(4, "0")).join("");
  if (!full.startsWith("00000000000000000000ffff")) return full.slice(0, 16);
  return [24, 26, 28, 30].map((at) => Number.parseInt(full.slice(at, at + 2), 16)).join(".");
}

const group = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16)),
  fc.constantFrom("0", "0000", "ffff", "FFFF", "00a", "12345", "g", ""),
);
const octet = fc.oneof(
  fc.integer({ min: 0, max: 260 }).map(String),
  fc.constantFrom("00", "01", "0x1", "", "1e1"),
);
const ipv4ish = fc.array(octet, { minLength: 3, maxLength: 5 }).map((parts) => parts.join("."));
const run = fc.array(group, { maxLength: 8 }).map((parts) => parts.join(":"));
const ipv6ish = fc.oneof(
  run,
  fc.tuple(run, run).map((halves) => halves.join("::")),
  fc.tuple(run, fc.constantFrom(":", "::", "::ffff:", ":ffff:"), ipv4ish).map((parts) => parts.join("")),
);
const zone = fc.constantFrom("", "", "", "%eth0", "%1");
const anything = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  ipv4ish,
  fc.tuple(ipv6ish, zone).map((parts) => parts.join("")),
);

/** The normal form of what `ipaddr.js` reads. */
function readByLibrary(text: string): string | null {
  const bare = text.startsWith("[") && text.endsWith("]") && text.includes(":") ? text.slice(1, -1) : text;
  if (!ipaddr.isValid(bare)) return null;
  const address = ipaddr.process(bare);
  if (address.kind() === "ipv4") return address.toString();
  const bytes = address.toByteArray().slice(0, 8);
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** `ipaddr.js` also reads IPv4 addresses of fewer parts, and octal and hexadecimal ones. */
const isUnusualIpv4 = (text: string) => {
  const ipv4 = text.replace(/^.*:|\]$/gs, "").replace(/%.*$/s, "");
  return /^[\dxa-f.]+$/i.test(ipv4) && !ipaddr.IPv4.isValidFourPartDecimal(ipv4);
};

/** `ipaddr.js` reads the deprecated form `::203.0.113.1` as if it were `::ffff:203.0.113.1`. */
const isCompatible = (text: string) => /^\[?::\d+\./.test(text);

test("normaliseIp and ipaddr.js read the same addresses the same way", () => {
  let addresses = 0;
  fc.assert(
    fc.property(anything, (text) => {
      const ours = normaliseIp(text);
      const theirs = readByLibrary(text);
      if (ours !== null) addresses++;
      if (ours === null && theirs !== null) expect(isUnusualIpv4(text)).toBe(true);
      else if (!isCompatible(text)) expect(theirs).toBe(ours);
    }),
    { numRuns: 100_000 },
  );
  expect(addresses).toBeGreaterThan(10_000);
});

/** The first and last address of each special range of `ipaddr.js`, and their neighbours: where a range can be wrong. */
const edges: string[] = [ipaddr.IPv4, ipaddr.IPv6].flatMap((family) => {
  const size = family === ipaddr.IPv4 ? 32 : 128;
  const some = family === ipaddr.IPv4 ? ipaddr.parse("8.8.8.8") : ipaddr.parse("2606:4700::1");
  const ranges = (some as unknown as { SpecialRanges: Record<string, unknown> }).SpecialRanges;
  const networks = Object.values(ranges).flatMap((one) =>
    Array.isArray((one as unknown[])[0]) ? (one as [ipaddr.IPv4, number][]) : [one as [ipaddr.IPv4, number]],
  );
  return networks.flatMap(([address, bits]) => {
    const first = address.toByteArray().reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    const last = first + (1n << BigInt(size - bits)) - 1n;
    return [first - 1n, first, first + 1n, last - 1n, last, last + 1n]
      .filter((value) => value >= 0n && value < 1n << BigInt(size))
      .map((value) => {
        const hex = value.toString(16).padStart(size / 4, "0");
        return ipaddr.fromByteArray(hex.match(/../g)!.map((two) => Number.parseInt(two, 16))).toString();
      });
  });
});

/** What `ipaddr.js` says of a literal address. The deprecated form `::7f00:1` embeds an IPv4 address and is internal, too. */
function expectedOf(address: string) {
  const read = ipaddr.parse(address);
  const isEmbedded = read instanceof ipaddr.IPv6 && read.parts.slice(0, 6).every((part) => part === 0);
  return {
    internal: read.range() !== "unicast" || isEmbedded || address === "168.63.129.16",
    loopback: ipaddr.process(address).range() === "loopback",
  };
}

const literal = fc
  .oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom(...edges))
  .filter((text) => !isCompatible(text));

test("isInternalHost and isLoopbackHost agree with the special ranges of ipaddr.js", () => {
  const outcomes = new Set<string>();
  const check = (address: string) => {
    const wanted = expectedOf(address);
    outcomes.add(JSON.stringify(wanted));
    expect({ internal: isInternalHost(address), loopback: isLoopbackHost(address) }, address).toEqual(wanted);
  };
  edges.forEach(check);
  fc.assert(fc.property(literal, check), { numRuns: 50_000 });
  expect(edges.length).toBeGreaterThan(200);
  expect(outcomes.size).toBe(3);
});

test("isInRanges agrees with ipaddr.js about every prefix length", () => {
  let matches = 0;
  const property = fc.property(
    literal,
    literal,
    fc.nat(128),
    fc.boolean(),
    (address, other, length, isNear) => {
      const base = isNear ? address : other;
      const bits = Math.min(length, ipaddr.parse(base).kind() === "ipv4" ? 32 : 128);
      const [read, network] = [ipaddr.process(address), ipaddr.parse(base)];
      // The library's own reader leaves a mapped network in IPv6, where it matches nothing.
      fc.pre(ipaddr.process(base).kind() === network.kind());
      const wanted =
        read.kind() === network.kind() && (read as ipaddr.IPv4).match(network as ipaddr.IPv4, bits);
      if (wanted) matches++;
      expect(isInRanges(address, [`${base}/${bits}`])).toBe(wanted);
    },
  );
  fc.assert(property, { numRuns: 50_000 });
  expect(matches).toBeGreaterThan(10_000);
});

test("normaliseIp agrees with the host on every text that looks like an address", () => {
  let addresses = 0;
  fc.assert(
    fc.property(anything, (text) => {
      const wanted = expected(text);
      if (wanted !== null) addresses++;
      expect(normaliseIp(text)).toBe(wanted);
    }),
    { numRuns: 100_000 },
  );
  expect(addresses).toBeGreaterThan(10_000);
});

test("normaliseIp gives one normal form for every spelling of an IPv6 address", () => {
  const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(groups, (values) => {
      const full = values.map((value) => value.toString(16).padStart(4, "0")).join(":");
      const short = new URL(`http://[${full}]`).hostname;
      const normal = normaliseIp(full);
      expect(normal).not.toBeNull();
      for (const text of [full.toUpperCase(), short, short.slice(1, -1), `${full}%zone`, `[${full}]`])
        expect(normaliseIp(text)).toBe(normal);
    }),
    { numRuns: 10_000 },
  );
});

test("normaliseIp never throws", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const result = normaliseIp(text);
      if (result !== null) expect(result).toMatch(/^(?:[0-9a-f]{16}|\d{1,3}(?:\.\d{1,3}){3})$/);
    }),
    { numRuns: 20_000 },
  );
});
