import { expect, test } from "vitest";
import { edgeCookie } from "../../../../worker/entries/node.ts";

const options = {
  publisher: { domain: "a.example" },
  passphrases: ["publisher-chosen-secret"],
  store: "memory:",
};

/** What `node:http` has of a request. */
const exchange = { incoming: { socket: { remoteAddress: "203.0.113.1" } } };

/** The warnings that a handler in code logs while it answers two requests. */
async function warningsWith(more: object): Promise<string[]> {
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, warn: (message: string) => warnings.push(message), error() {} };
  const handler = edgeCookie({ ...options, ...more, log })(() => new Response("page"));
  for (const path of ["a", "b"]) await handler(new Request(`https://a.example/${path}`), exchange as never);
  await handler.close();
  return warnings;
}

test("edgeCookie in code warns once where no country is known", async () => {
  expect(await warningsWith({})).toEqual([expect.stringContaining("client.countryHeader")]);
});

test("edgeCookie in code warns once of a source of countries without one of regions", async () => {
  expect(await warningsWith({ client: { countryHeader: "x-country" } })).toEqual([
    expect.stringContaining("client.regionHeader"),
  ]);
});

test.each([
  ["an assumed country", { consent: { assumeCountry: "JP" } }],
  ["headers for both", { client: { countryHeader: "x-country", regionHeader: "x-region" } }],
  ["a reader of its own", { readClient: () => ({ ip: "203.0.113.1", country: "JP", region: null }) }],
])("edgeCookie in code warns of nothing with %s", async (_what, more) => {
  expect(await warningsWith(more)).toEqual([]);
});
