import { expect, test } from "vitest";
import { ConfigError, inspectConfig } from "../../../../worker/config/compose.ts";
import * as entry from "../../../../worker/hosts/process/node.ts";
import { byAddress, planOf, titleOf } from "../../../../worker/serve/plan.ts";
import type { ServiceModule } from "../../../../worker/service.ts";
import { echo } from "../../../support/echo/echo.ts";

const twin: ServiceModule = { ...(echo as ServiceModule), name: "echoTwin" };
const secret = "a long enough secret";

function plan(input: object) {
  return planOf([echo as ServiceModule, twin], inspectConfig([echo, twin], input, { env: {} }), entry);
}

/** The fields with faults. */
function faultsOf(input: object): string[] {
  try {
    plan(input);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ field }) => field);
  }
}

test("a service listens at its own address, else at the shared one", () => {
  const { services } = plan({
    listen: { port: 1234 },
    echo: { secret },
    echoTwin: { secret, listen: { host: "::1", port: 1 } },
  });
  expect(services.map(({ title, listen }) => [title, listen])).toEqual([
    ["echo", { host: "127.0.0.1", port: 1234 }],
    ["echo-twin", { host: "::1", port: 1 }],
  ]);
});

test("two services on one address that both answer every host are a fault", () => {
  expect(faultsOf({ echo: { secret }, echoTwin: { secret } })).toEqual(["echoTwin.listen"]);
  const listen = { port: 8787 };
  expect(faultsOf({ echo: { secret }, echoTwin: { secret, listen } })).toEqual(["echoTwin.listen"]);
});

test("two services on one address that claim the same host are a fault, whatever its case", () => {
  const hosts = ["a.example", "b.example"];
  expect(faultsOf({ echo: { secret, hosts }, echoTwin: { secret, hosts: ["B.Example"] } })).toEqual([
    "echoTwin.listen",
  ]);
});

test.each([
  ["one of them has hosts", { echo: { secret, hosts: ["a.example"] }, echoTwin: { secret } }],
  [
    "their hosts differ",
    { echo: { secret, hosts: ["a.example"] }, echoTwin: { secret, hosts: ["b.example"] } },
  ],
  ["their addresses differ", { echo: { secret }, echoTwin: { secret, listen: { port: 1 } } }],
  [
    "each has any free port",
    { echo: { secret, listen: { port: 0 } }, echoTwin: { secret, listen: { port: 0 } } },
  ],
])("two services are valid if %s", (_what, input) => {
  expect(faultsOf(input)).toEqual([]);
});

test("a configuration without a service is a fault", () => {
  expect(faultsOf({})).toEqual(["echo or echoTwin"]);
});

test("port 0 of the shared address is one listener, and of two addresses it is two", () => {
  const shared = { host: "127.0.0.1", port: 0 };
  const own = { host: "127.0.0.1", port: 0 };
  const items = [{ listen: shared }, { listen: own }, { listen: shared }];
  expect(byAddress(items).map((group) => group.length)).toEqual([2, 1]);
});

test("a title is the section's name with hyphens", () => {
  expect(titleOf({ name: "edgeCookie" })).toBe("edge-cookie");
});
