import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { fields, text } from "../../../../runtime/lib/schema.ts";
import { type ConfigSection, composeConfig, inspectConfig } from "../../../../worker/config/compose.ts";
import { edgeCookieSection } from "../../../../worker/ec/config.ts";
import { faultLines } from "./fault-lines.ts";

const edgeCookie = { publisher: { domain: "a.example" }, passphrases: ["publisher-chosen-secret"] };
/** A second section, so that no rule depends on there being one. */
const bell: ConfigSection<{ tone: string }> = {
  name: "bell",
  secrets: ["tone"],
  schema: () => fields({ tone: text("a tone of 3 letters", (given) => /^[a-z]{3}$/.test(given)) }),
  faults: (given) =>
    v.is(v.object({ tone: v.literal("bad") }), given)
      ? [{ field: "tone", found: "bad", expected: "good" }]
      : [],
};
const sections = [edgeCookieSection, bell];
const faultsOf = (input: unknown) => faultLines(() => composeConfig(sections, input, { env: {} }));
const fieldsOf = (input: unknown) => faultsOf(input).map((fault) => fault.slice(0, fault.indexOf(": ")));

test("the shared sections have defaults, and a service without a section does not run", () => {
  const config = composeConfig(sections, {}, { env: {} });
  expect(config.shared).toEqual({
    listen: { host: "127.0.0.1", port: 8787 },
    client: {
      ipHeader: null,
      countryHeader: null,
      regionHeader: null,
      protocolHeader: null,
      trustedProxies: 0,
    },
    operator: { tokenHash: null, readOnlyTokenHash: null },
    stop: { drainDelaySeconds: 0 },
    log: { level: null, access: false },
  });
  expect(config.section(bell)).toBeUndefined();
  expect(composeConfig(sections, { bell: { tone: "ding".slice(0, 3) } }, { env: {} }).section(bell)).toEqual({
    tone: "din",
  });
});

describe("faults", () => {
  test.each<[what: string, input: unknown, field: string, expected: RegExp]>([
    ["not an object", 5, "", /an object/],
    ["an unknown section", { edgeCooki: {} }, "edgeCooki", /did you mean "edgeCookie"/],
    ["an unknown section like no other", { zzzzzz: 1 }, "zzzzzz", /one of \$schema, listen, client/],
    ["an unknown field deeper down", { listen: { prot: 1 } }, "listen.prot", /did you mean "port"/],
    ["no section", { bell: null }, "bell", /an object/],
    ["a port too high", { listen: { port: 65_536 } }, "listen.port", /0 to 65535/],
    ["a port below zero", { listen: { port: -1 } }, "listen.port", /0 to 65535/],
    ["a port as a text", { listen: { port: "80" } }, "listen.port", /0 to 65535/],
    ["a host with a port", { listen: { host: "localhost:80" } }, "listen.host", /address/],
    ["a host with a scheme", { listen: { host: "http://localhost" } }, "listen.host", /address/],
    ["an unknown level", { log: { level: "loud" } }, "log.level", /debug, info/],
    ["a plain token for a hash", { operator: { tokenHash: "t" } }, "operator.tokenHash", /millrace hash/],
    ["a number for the schema's address", { $schema: 1 }, "$schema", /schema/],
  ])("%s", (_what, input, field, expected) => {
    const faults = faultsOf(input);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${field.replace(/[[\].$]/g, "\\$&")}: `));
    expect(faults[0]).toMatch(expected);
  });

  test("are listed all at once: of shared sections, of every service, and those that no schema finds", () => {
    const input = {
      listen: { host: "0.0.0.0", port: "x" },
      edgeCookie: {
        publisher: { domain: "localhost" },
        passphrases: ["short", "changeme"],
        partners: [{ id: "a", openrtbAtype: "three" }, { id: "a" }],
      },
      bell: { tone: "bad" },
      nonsense: 1,
    };
    expect(fieldsOf(input)).toEqual([
      "listen.port",
      "nonsense",
      "edgeCookie.publisher.domain",
      "edgeCookie.passphrases[0]",
      "edgeCookie.passphrases[1]",
      "edgeCookie.partners[0].openrtbAtype",
      "edgeCookie.partners[1].id",
      "bell.tone",
    ]);
  });

  test("the message has a line for each", () => {
    const read = () => composeConfig(sections, { listen: { port: 70_000 }, edgeCooki: 1 }, { env: {} });
    expect(read).toThrow(
      "the configuration has 2 faults:\n" +
        "  listen.port: 70000; expected a port from 0 to 65535\n" +
        '  edgeCooki: no such field; expected one of its fields; did you mean "edgeCookie"?',
    );
  });

  test("a section's secrets are not shown", () => {
    expect(faultsOf({ bell: { tone: "hunter2" } })).toEqual([
      "bell.tone: a value that is not shown; a tone of 3 letters",
    ]);
  });
});

test("a fault of one section leaves the others valid", () => {
  const {
    sections: valid,
    given,
    faults,
  } = inspectConfig(sections, { edgeCookie, bell: { tone: 1 } }, { env: {} });
  expect([...valid.keys()]).toEqual(["edgeCookie"]);
  expect([...given]).toEqual([
    ["edgeCookie", edgeCookie],
    ["bell", { tone: 1 }],
  ]);
  expect(faults).toHaveLength(1);
});
