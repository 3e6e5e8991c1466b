import { expect, test } from "vitest";
import {
  isInRanges,
  isInternalHost,
  isLoopbackHost,
  isRange,
  networkOf,
} from "../../../../runtime/lib/addresses.ts";

test.each([
  "127.0.0.1",
  "127.255.255.254",
  "::1",
  "[::1]",
  "::ffff:127.0.0.1",
  "localhost",
  "LOCALHOST.",
  "millrace.localhost",
])("isLoopbackHost accepts %s", (host) => {
  expect(isLoopbackHost(host)).toBe(true);
});

test.each([
  "127.0.0.1.evil.example",
  "127.evil.example",
  "localhost.evil.example",
  "evillocalhost",
  "0.0.0.0",
  "::",
  "10.0.0.1",
  "203.0.113.1",
  "",
])("isLoopbackHost refuses %j", (host) => {
  expect(isLoopbackHost(host)).toBe(false);
});

test.each([
  "10.0.0.1",
  "169.254.169.254",
  "168.63.129.16",
  "metadata.google.internal",
  "[fd00::1]",
  "::1",
  "[::7f00:1]",
  "[::ffff:8.8.8.8]",
  "fe80::1%eth0",
  // Some resolvers read these as IPv4 addresses.
  "0x7f.0.0.1",
  "0177.0.0.1",
  "127.1",
  "2130706433",
])("isInternalHost accepts %s", (host) => {
  expect(isInternalHost(host)).toBe(true);
});

test.each(["203.0.114.1", "2606:4700::1", "127.0.0.1.evil.example", "example.com", "0x.example", "1e3", ""])(
  "isInternalHost refuses %s",
  (host) => {
    expect(isInternalHost(host)).toBe(false);
  },
);

test("isRange accepts ranges and single addresses", () => {
  expect(["10.0.0.0/8", "10.0.0.1", "fd00::/8"].map(isRange)).toEqual([true, true, true]);
  for (const text of [
    "10.0.0.0/33",
    "fd00::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "/8",
    "example.com",
    "",
  ])
    expect(isRange(text), text).toBe(false);
});

test("isInRanges treats an IPv4 address in IPv6 form as IPv4", () => {
  expect(isInRanges("::ffff:10.1.2.3", ["10.0.0.0/8"])).toBe(true);
  expect(isInRanges("10.1.2.3", ["fd00::/8", "10.1.2.3"])).toBe(true);
  expect(isInRanges("11.1.2.3", ["10.0.0.0/8"])).toBe(false);
  expect(isInRanges("10.1.2.3", ["::/0"])).toBe(false);
  expect(isInRanges("2606:4700::1", ["0.0.0.0/0"])).toBe(false);
  expect(isInRanges("not an address", ["10.0.0.0/8"])).toBe(false);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["unknown", "unknown"],
])("the network of the client %s is %s (R6)", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
