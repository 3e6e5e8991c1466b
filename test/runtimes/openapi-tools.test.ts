/**
 * Tools of others read the API's description: validators, a generator of typed clients, and schemathesis, which sends random
 * requests to a running service. `npm run schemathesis` makes more of them.
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findOpenApiTools } from "../../scripts/openapi-tools.ts";
import { description } from "../../worker/ec/openapi/description.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { root, runtimes, spawnServer } from "../support/spawn.ts";
import { type RunningProgram, runCommand } from "../support/start-program.ts";

const tools = findOpenApiTools();
const TIMEOUT_MS = 600_000;
/** Minimum number of requests of schemathesis. By default it makes only those that cover the description. */
const CASES = Number(process.env.SCHEMATHESIS_CASES ?? 200);
const PHASES = process.env.SCHEMATHESIS_CASES === undefined ? "coverage" : "coverage,fuzzing";
const SEED = 20261128;
const OPERATOR_TOKEN = "the-operators-token-of-this-test";
const PARTNER_KEY = "the-partners-key-of-this-test";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const folder = mkdtempSync(join(tmpdir(), "millrace-openapi-"));
const file = join(folder, "openapi.json");
writeFileSync(file, JSON.stringify(description));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a tool to its end. @returns its exit code, and all that it printed. */
function run(command: string, ...args: string[]): { status: number | null; printed: string } {
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const done = spawnSync(command, args, { cwd: folder, env, timeout: TIMEOUT_MS / 4, encoding: "utf8" });
  return { status: done.status, printed: `${done.stdout}${done.stderr}` };
}
const [node] = runtimes.node;

describe.skipIf(tools === null)("the description", () => {
  test("openapi-spec-validator accepts it", () => {
    expect(run(tools!.python, "-m", "openapi_spec_validator", file)).toMatchObject({ status: 0 });
  });

  test("Redocly's recommended rules find no error", () => {
    const { status, printed } = run(node, tools!.redocly, "lint", "--format=json", file);
    const { totals, problems } = JSON.parse(
      printed.slice(printed.indexOf("{"), printed.lastIndexOf("}") + 1),
    );
    expect([status, totals.errors, totals.ignored]).toEqual([0, 0, 0]);
    // Redirects have no 2XX, and health has no 4XX.
    const warned = new Set(problems.map(({ ruleId }: { ruleId: string }) => ruleId));
    expect([...warned].sort()).toEqual(["operation-2xx-response", "operation-4xx-response"]);
  });

  test("a typed client is generated and compiles, and a wrong call does not", () => {
    const client = join(folder, "client");
    mkdirSync(client);
    const made = run(node, tools!.openapiTypescript, file, "-o", join(client, "api.ts"));
    expect(made).toMatchObject({ status: 0 });
    writeFileSync(
      join(client, "caller.ts"),
      `import type { operations, paths, components } from "./api.ts";
type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : never;
export type Identity = Json<operations["identify"]["responses"][200]>;
export const idOf = (identity: Identity): string => identity.ec;
export const batch: Json<NonNullable<operations["batchSync"]["requestBody"]>> = {
  mappings: [{ ec_id: "…", partner_uid: "u", timestamp: 1 }],
};
export const reasonOf = (answer: components["schemas"]["BatchAnswer"]) => answer.errors[0]?.reason;
export type Methods = paths["/_ts/api/v1/sync"]["post"];
// @ts-expect-error: a mapping has a timestamp
export const wrong: typeof batch = { mappings: [{ ec_id: "…", partner_uid: "u" }] };
`,
    );
    const options = "--noEmit --strict --target es2024 --module nodenext --allowImportingTsExtensions".split(
      " ",
    );
    const tsc = join(root, "test/node_modules/typescript/bin/tsc");
    expect(run(node, tsc, ...options, "--types", "", join(client, "caller.ts"))).toEqual({
      status: 0,
      printed: "",
    });
  });
});

describe.skipIf(tools === null)("schemathesis", () => {
  const running: { origin?: Origin; millrace?: RunningProgram } = {};
  afterAll(async () => {
    await running.millrace?.stop();
    await running.origin?.close();
  });

  test(
    "finds no failure of the service, no answer off its schema, and 405 for every other method",
    async () => {
      running.origin = await startOrigin();
      const config = join(folder, "config.json");
      writeFileSync(
        config,
        JSON.stringify({
          listen: { host: "127.0.0.1", port: 0 },
          operator: { tokenHash: sha256(OPERATOR_TOKEN) },
          log: { level: "warn" },
          edgeCookie: {
            publisher: { domain: "publisher.example", origin: running.origin.url },
            passphrases: ["publisher-chosen-secret"],
            store: "memory:",
            auction: { endpoint: `${running.origin.url}/openrtb2/auction` },
            consent: { assumeCountry: "JP" },
            partners: [
              {
                id: "acme",
                apiKeyHash: sha256(PARTNER_KEY),
                batchRateLimit: 100_000,
                allowedReturnDomains: ["acme.example"],
              },
            ],
          },
        }),
      );
      running.millrace = await spawnServer("node", ["worker/cli/main.ts", "serve", "--config", config]);
      const settings = join(folder, "schemathesis.toml");
      writeFileSync(
        settings,
        `headers = { Authorization = "Bearer ${OPERATOR_TOKEN}" }

[[operations]]
include-path-regex = "^/_ts/api/v1/sync"
headers = { Authorization = "Bearer ${PARTNER_KEY}" }

# Rules across fields, host names and lists of a partner's own hosts have no schema: what has the right form may be refused.
[checks]
positive_data_acceptance.enabled = false

# Each mapping of a batch is judged on its own, and the answer tells the reason of each.
[[operations]]
include-name = "POST /_ts/api/v1/sync"
checks.negative_data_rejection.enabled = false

# Any cookie of the right form is a visitor's: the answer to the deletion of an unknown id is 204. A body beside the query
# is not read.
[[operations]]
include-name = "DELETE /_ts/api/v1/identity"
checks.ignored_auth.enabled = false
checks.negative_data_rejection.enabled = false
`,
      );
      const { code, all } = await runCommand({
        command: tools!.schemathesis,
        args: [
          ...["--config-file", settings, "run", file, "--url", running.millrace.url],
          // Each operation gets this many random requests beside those of the coverage phase.
          ...["--max-examples", String(Math.ceil(CASES / 15)), "--seed", String(SEED), "--no-color"],
          ...["--phases", PHASES, "--generation-database", "none"],
        ],
        cwd: folder,
        timeoutMs: TIMEOUT_MS - 10_000,
      });
      expect(code, all).toBe(0);
      const generated = Number(/(\d+) generated/.exec(all)?.[1]);
      expect(generated).toBeGreaterThanOrEqual(CASES);
      expect(running.millrace.all()).not.toMatch(/"level":"error"/);
    },
    TIMEOUT_MS,
  );
});
