import { expect, test } from "vitest";
import { siteOf } from "../../../../worker/http/site-of.ts";

interface Site {
  name: string;
  hosts?: string[];
}

const named: Site = { name: "named", hosts: ["a.example", "b.example:8080"] };
const other: Site = { name: "other" };

test.each([
  ["a.example", "named"],
  ["A.Example", "named"],
  ["a.example:1234", "named"],
  ["b.example:8080", "named"],
  ["b.example", "other"],
  ["b.example:1", "other"],
  ["c.example", "other"],
  [null, "other"],
])("a request for the host %s goes to %s", (host, expected) => {
  expect(siteOf([named, other], host).name).toBe(expected);
  expect(siteOf([other, named], host).name).toBe(expected);
});

test("a service alone answers every host", () => {
  expect(siteOf([named], "c.example")).toBe(named);
});

test("without a service for every other host, the first one answers", () => {
  expect(siteOf([named, { name: "second", hosts: ["c.example"] }], "d.example")).toBe(named);
});
