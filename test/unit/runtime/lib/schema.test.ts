import * as v from "valibot";
import { describe, expect, test } from "vitest";
import {
  describeFault,
  faultsOf,
  fieldName,
  fields,
  flag,
  hostName,
  listOf,
  parseUrl,
  secretHash,
  text,
  whole,
} from "../../../../runtime/lib/schema.ts";

const accepts = (schema: v.GenericSchema, value: unknown) => v.safeParse(schema, value).success;
const faults = (schema: v.GenericSchema, value: unknown) => faultsOf(v.safeParse(schema, value).issues ?? []);

describe("fields", () => {
  const schema = fields({ name: text("a name", (name) => name !== ""), port: v.optional(whole(0, 65_535)) });

  test("accepts the known fields", () => {
    expect(v.parse(schema, { name: "a", port: 1 })).toEqual({ name: "a", port: 1 });
    expect(accepts(schema, { name: "a" })).toBe(true);
  });

  test("reports each fault with its field", () => {
    expect(
      faults(schema, { port: 70_000, nam: "a" })
        .map(({ field }) => field)
        .sort(),
    ).toEqual(["nam", "name", "port"]);
  });

  test("suggests the nearest field for an unknown one", () => {
    expect(faults(schema, { name: "a", prot: 1 })[0]!.expected).toContain('"port"');
  });

  test.each([[null], [[]], ["text"], [1]])("rejects %j in place of an object", (value) => {
    expect(accepts(schema, value)).toBe(false);
  });
});

test("whole accepts whole numbers within its bounds", () => {
  expect([0, 5, 10].map((value) => accepts(whole(0, 10), value))).toEqual([true, true, true]);
  const bad = [-1, 11, 1.5, "5", null, Number.NaN];
  expect(bad.map((value) => accepts(whole(0, 10), value))).toEqual(bad.map(() => false));
});

test("flag accepts true and false only", () => {
  expect([true, false, "true", 1, null].map((value) => accepts(flag(), value))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("secretHash accepts a SHA-256 in hex, in lower case, but not that of an empty text", () => {
  expect(v.parse(secretHash(), "A".repeat(64))).toBe("a".repeat(64));
  const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(["a".repeat(63), "g".repeat(64), ofNothing].some((value) => accepts(secretHash(), value))).toBe(
    false,
  );
});

test("listOf rejects an item that is there twice", () => {
  const schema = listOf(v.string(), "names");
  expect([["a", "b"], [], ["a", "a"], "a"].map((value) => accepts(schema, value))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

describe("hostName", () => {
  test.each([
    ["CDN.Example.com", "cdn.example.com"],
    ["example.com.", "example.com"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["127.0.0.1", "127.0.0.1"],
    ["[::1]", "[::1]"],
  ])("turns %s into %s", (given, host) => {
    expect(v.parse(hostName(), given)).toBe(host);
  });

  test.each([
    "",
    "https://example.com",
    "example.com:443",
    "example.com/path",
    "user@example.com",
    "*.example.com",
    "a b",
    "example.com?",
    `${"a".repeat(64)}.example`,
  ])("rejects %j", (given) => {
    expect(accepts(hostName(), given)).toBe(false);
  });
});

test("parseUrl returns null for a text that is not a URL", () => {
  expect(parseUrl("https://example.com/a")?.pathname).toBe("/a");
  expect(parseUrl("nonsense")).toBeNull();
});

test("fieldName joins keys and indexes", () => {
  expect(fieldName([])).toBe("");
  expect(fieldName(["partners", 0, "id"])).toBe("partners[0].id");
});

describe("faultsOf", () => {
  test("shows neither the value of a secret field nor that of a field that the caller hides", () => {
    const schema = fields({ apiKey: whole(0, 1), own: whole(0, 1) });
    const { issues } = v.safeParse(schema, { apiKey: "hush-1", own: "hush-2" });
    const shown = faultsOf(issues!, (field) => field === "own");
    expect(shown.map(({ field }) => field)).toEqual(["apiKey", "own"]);
    expect(JSON.stringify(shown)).not.toContain("hush");
  });

  test("shows a URL without user, password and query", () => {
    const [fault] = faults(
      text("another URL", () => false),
      "https://user:hush@host.example/path?key=hush",
    );
    expect(fault!.found).toContain("host.example/path");
    expect(fault!.found).not.toContain("hush");
  });

  test("cuts a long value", () => {
    const [fault] = faults(whole(0, 1), "x".repeat(1000));
    expect(fault!.found.length).toBeLessThan(100);
  });
});

test("describeFault starts with the field, if there is one", () => {
  const fault = { field: "port", found: "-1", expected: "a port" };
  expect(describeFault(fault)).toMatch(/^port: -1/);
  expect(describeFault({ ...fault, field: "" })).toMatch(/^-1/);
});
