import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { describe, expect, test } from "vitest";
import { configJsonSchema } from "../../../scripts/config-schema.ts";
import { services } from "../../../worker/services.ts";
import { echo } from "../../support/echo/echo.ts";
import { root } from "../../support/spawn.ts";

const ajv = new Ajv.default({ allErrors: true });
const validate = ajv.compile(configJsonSchema(services));
const faultsOf = (config: unknown) =>
  validate(config) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
const edgeCookie = { publisher: { domain: "a.example" }, passphrases: ["publisher-chosen-secret"] };

/** Hosts whose examples have a whole configuration file. */
test.each(["fastly", "cloudflare"])("the example configuration of %s is valid", (name) => {
  const text = readFileSync(join(root, `examples/${name}/src/config.json`), "utf8");
  // Fastly alone keeps texts under "secret".
  expect(faultsOf(JSON.parse(text.replaceAll('"secret":', '"env":')))).toEqual([]);
});

describe("the JSON schema", () => {
  test("accepts a small configuration, null, and secrets kept elsewhere", () => {
    expect(faultsOf({ $schema: "x", edgeCookie })).toEqual([]);
    expect(
      faultsOf({ edgeCookie: { ...edgeCookie, store: null, passphrases: [{ file: "/run/secret" }] } }),
    ).toEqual([]);
    expect(faultsOf({ client: { trustedProxies: ["10.0.0.0/8"] }, edgeCookie })).toEqual([]);
  });

  test.each([
    ["a typo in a section's name", { edgeCooky: {} }],
    ["a typo in a field", { listen: { prot: 1 } }],
    ["a typo in a service's field", { edgeCookie: { ...edgeCookie, readEcHeadr: true } }],
    ["a text for a number", { listen: { port: "80" } }],
    ["a number out of bounds", { listen: { port: 65_536 } }],
    ["half a number", { listen: { port: 1.5 } }],
    ["a missing field", { edgeCookie: { passphrases: ["publisher-chosen-secret"], publisher: {} } }],
    ["an unknown choice", { log: { level: "loud" } }],
    ["an unknown place of a secret", { edgeCookie: { ...edgeCookie, passphrases: [{ url: "x" }] } }],
  ])("rejects %s", (_what, config) => {
    expect(faultsOf(config)).not.toEqual([]);
  });

  test("describes a field and has its default", () => {
    const { listen } = configJsonSchema(services).properties as Record<
      string,
      { properties: Record<string, object> }
    >;
    expect(listen!.properties.port).toEqual({
      type: "integer",
      description: "a port from 0 to 65535",
      minimum: 0,
      maximum: 65_535,
      default: 8787,
    });
  });

  test("has the section of every service in the list", () => {
    const { properties } = configJsonSchema([...services, echo]) as { properties: object };
    expect(Object.keys(properties)).toEqual([
      "$schema",
      "listen",
      "client",
      "operator",
      "stop",
      "log",
      "edgeCookie",
      "grasp",
      "echo",
    ]);
  });
});
