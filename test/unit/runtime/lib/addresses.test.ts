import { describe, expect, test } from "vitest";
import { isInRanges, isInternalHost, isLoopbackHost, isRange } from "../../../../runtime/lib/addresses.ts";

describe("isLoopbackHost", () => {
  test.each([
    "localhost",
    "LOCALHOST.",
    "site.localhost",
    "127.0.0.1",
    "127.255.255.254",
    "[::1]",
    "::1",
    "[::ffff:127.0.0.1]",
  ])("accepts %s", (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  test.each([
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "notlocalhost",
    "128.0.0.1",
    "[::2]",
    "0.0.0.0",
    "10.0.0.1",
    "",
  ])("rejects %j", (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});

describe("isInternalHost", () => {
  test.each([
    "localhost",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "metadata.google.internal",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
  ])("accepts %s", (host) => {
    expect(isInternalHost(host)).toBe(true);
  });

  test.each(["203.0.114.1", "8.8.8.8", "[2606:4700::1111]", "partner.example", "10.0.0.1.example"])(
    "rejects %s",
    (host) => {
      expect(isInternalHost(host)).toBe(false);
    },
  );
});

test("isRange accepts addresses and CIDR ranges, and nothing else", () => {
  expect(["10.0.0.0/8", "10.0.0.1", "fc00::/7", "::1"].map(isRange)).toEqual(Array(4).fill(true));
  expect(["", "10.0.0.0/33", "fc00::/129", "host", "10.0.0.0/"].map(isRange)).toEqual(Array(5).fill(false));
});

describe("isInRanges", () => {
  test.each([
    ["10.1.2.3", ["10.0.0.0/8"], true],
    ["11.1.2.3", ["10.0.0.0/8"], false],
    ["10.1.2.3", ["192.0.2.1", "10.1.2.3"], true],
    ["10.1.2.4", ["10.1.2.3"], false],
    ["fc00::1", ["fc00::/7"], true],
    ["fc00::1", ["10.0.0.0/8"], false],
    ["::1", ["::1"], true],
    ["10.1.2.3", ["::/0"], false],
    ["10.1.2.3", [], false],
    ["host", ["0.0.0.0/0"], false],
  ] as [string, string[], boolean][])("of %s in %j is %s", (address, ranges, expected) => {
    expect(isInRanges(address, ranges)).toBe(expected);
  });

  test("an IPv4 address in IPv6 form counts as IPv4", () => {
    expect(isInRanges("::ffff:10.1.2.3", ["10.0.0.0/8"])).toBe(true);
  });
});
