import { expect, test } from "vitest";
import { domainOf } from "../../../../runtime/sync/source.ts";

test.for([
  ["https://One.Test/a?b", "one.test"],
  ["http://one.test:80/", "one.test"],
  ["https://one.test:8443/", "one.test:8443"],
  ["https://one.test./", "one.test"],
  ["https://one.test.:81/", "one.test:81"],
  ["git://One.Test/repo", "one.test"],
  ["https://user:secret@one.test/", "one.test"],
  ["https://b\u00fccher.test/", "xn--bcher-kva.test"],
  ["https://[::1]:8080/", "[::1]:8080"],
  ["https://0x7f.1/", "127.0.0.1"],
  ["one.test/path", null],
  ["mailto:a@one.test", null],
  ["data:text/plain,x", null],
  ["https://", null],
  ["", null],
] as const)("domainOf(%s) returns %s", ([url, domain]) => {
  expect(domainOf(url)).toBe(domain);
});
