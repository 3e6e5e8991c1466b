import { expect, test } from "vitest";
import { parseAddress } from "../../../../runtime/stores/redis-address.ts";

const plain = { tls: false, username: undefined, password: undefined, database: 0, prefix: "millrace:" };

test.each([
  ["redis://host", { ...plain, nodes: [{ host: "host", port: 6379 }], replicas: null }],
  ["redis://host:1?replicas=0", { ...plain, nodes: [{ host: "host", port: 1 }], replicas: 0 }],
  [
    "rediss://u:p%40w@a:1,[::1]:2/3?prefix=x%3A&replicas=2",
    {
      nodes: [
        { host: "a", port: 1 },
        { host: "[::1]", port: 2 },
      ],
      tls: true,
      username: "u",
      password: "p@w",
      database: 3,
      prefix: "x:",
      replicas: 2,
    },
  ],
])("%s", (url, address) => {
  expect(parseAddress(url)).toEqual(address);
});

test.each([
  "redis://host?replicas=",
  "redis://host?replicas=-1",
  "redis://host?replicas=ten",
  "redis://host?replica=1",
  "redis://a,,b",
  "redis://host/x",
])("%s is refused, without its password", (url) => {
  expect(() => parseAddress(url.replace("//", "//:hidden@"))).toThrow(TypeError);
  expect(() => parseAddress(url.replace("//", "//:hidden@"))).not.toThrow(/hidden/);
});
