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
  secret,
  secretFieldsOf,
  secretHash,
  text,
  whole,
} from "../../../../runtime/lib/schema.ts";

const never = () => false;
const hidden = "a value that is not shown";

/** The faults of an input, as `field: found`. */
function found(schema: v.GenericSchema & Parameters<typeof faultsOf>[1], input: unknown): string[] {
  const { issues = [] } = v.safeParse(schema, input);
  return faultsOf(issues, schema).map(({ field, found }) => `${field}: ${found}`);
}

describe("a secret field", () => {
  const refused = text("a text that never passes", never);

  test.each([
    ["marked", fields({ key: secret(refused) }), { key: "s3cr3t" }, "key"],
    ["optional", fields({ key: v.optional(secret(refused)) }), { key: "s3cr3t" }, "key"],
    ["marked around nullish", fields({ key: secret(v.nullish(refused, null)) }), { key: "s3cr3t" }, "key"],
    [
      "in a list",
      fields({ all: v.array(fields({ key: secret(refused) })) }),
      { all: [{ key: "s3cr3t" }] },
      "all[0].key",
    ],
    ["item of a secret list", fields({ keys: secret(v.array(refused)) }), { keys: ["s3cr3t"] }, "keys[0]"],
    ["a hash", fields({ key: secretHash() }), { key: "s3cr3t" }, "key"],
  ])("%s: its value is not shown", (_name, schema, input, field) => {
    expect(found(schema, input)).toEqual([`${field}: ${hidden}`]);
  });

  test("a field that is not secret shows its value, without the credentials of a URL", () => {
    const schema = fields({ url: refused, key: secret(refused) });
    expect(found(schema, { url: "redis://user:s3cr3t@host/?a=s3cr3t", key: "s3cr3t" })).toEqual([
      'url: "redis://…@host/?…"',
      `key: ${hidden}`,
    ]);
  });

  test("secretFieldsOf lists the secret fields of an object, in checks across fields as well", () => {
    const object = fields({
      id: text("an id", never),
      key: v.nullish(secret(refused), null),
      hash: secretHash(),
    });
    expect(secretFieldsOf(object)).toEqual(["key", "hash"]);
    expect(secretFieldsOf(v.pipe(object, v.check(never, "never")))).toEqual(["key", "hash"]);
  });
});

describe("faultsOf", () => {
  const schema = fields({
    port: whole(1, 10),
    on: v.optional(flag(), false),
    hosts: v.optional(listOf(hostName(), "hosts"), []),
  });

  test.each<[unknown, string[]]>([
    [{}, ["port: missing"]],
    [{ port: 11 }, ["port: 11"]],
    [{ port: null }, ["port: null"]],
    [{ port: 1, prot: 1 }, ["prot: no such field"]],
    [{ port: 1, on: "yes" }, ['on: "yes"']],
    [{ port: 1, hosts: ["a.example", "A.example."] }, ["hosts: a list"]],
    [{ port: 1, hosts: ["https://a.example"] }, ['hosts[0]: "https://a.example"']],
    [[], ["port: missing"]],
    ["text", [": a text"]],
  ])("of %j", (input, expected) => {
    expect(found(schema, input)).toEqual(expected);
  });

  test("suggests the nearest field for an unknown one", () => {
    const { issues = [] } = v.safeParse(schema, { port: 1, prot: 1 });
    expect(describeFault(faultsOf(issues, schema)[0]!)).toContain('"port"');
  });
});

test("fieldName joins keys and indexes", () => {
  expect(fieldName(["partners", 0, "id"])).toBe("partners[0].id");
  expect(fieldName([])).toBe("");
});
