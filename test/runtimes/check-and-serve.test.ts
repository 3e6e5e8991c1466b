/** `millrace check` accepts exactly the configurations with which `millrace serve` starts. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runCli } from "../support/run-cli.ts";
import { spawnServer } from "../support/spawn.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-check-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const edgeCookie = {
  publisher: { domain: "publisher.example", origin: "http://127.0.0.1:9" },
  passphrases: ["publisher-chosen-secret"],
  store: "memory:",
  consent: { assumeCountry: "JP" },
};
/** A configuration on a free port with some fields of the section changed. */
const withFields = (fields: object, shared: object = {}) => ({
  listen: { port: 0 },
  ...shared,
  edgeCookie: { ...edgeCookie, ...fields },
});
const KEY = "a-key-of-the-ssp-partner";
const KEY_HASH = createHash("sha256").update(KEY).digest("hex");

/** Writes a configuration file. */
function file(content: unknown): string {
  const path = join(folder, `${crypto.randomUUID()}.json`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("both accept", () => {
  test.each<[what: string, config: unknown]>([
    ["a small configuration", withFields({})],
    ["a section with a listener of its own", withFields({ listen: { port: 0 } })],
    ["SQLite", withFields({ store: `sqlite:${join(folder, "a.db")}` })],
    ["insecure partners on loopback", withFields({ allowInsecurePartners: true })],
    ["a file with comments", `// for trying out\n${JSON.stringify(withFields({}))}`],
  ])("%s", async (_what, config) => {
    const path = file(config);
    expect(await runCli("node", ["check", "--config", path])).toEqual({
      code: 0,
      stdout: "the configuration is valid; it runs: edge-cookie\n",
      stderr: "",
    });
    const server = await spawnServer("node", ["worker/cli/main.ts", "serve", "--config", path]);
    expect(await server.stop()).toBe(0);
  });
});

describe("both refuse, and name the field", () => {
  test.each<[what: string, config: unknown, fields: string[]]>([
    ["no service", { listen: { port: 0 } }, ["edgeCookie or grasp"]],
    ["an unknown section", { ...withFields({}), grsp: {} }, ["grsp"]],
    [
      "a missing origin beside another fault",
      withFields({ publisher: { domain: "a.example" } }, { log: { level: "loud" } }),
      ["log.level", "edgeCookie.publisher.origin"],
    ],
    [
      "faults of the host beside one of a shared section",
      withFields({ store: "tape:reel", limiter: "abacus:1" }, { operator: { tokenHash: "x" } }),
      ["operator.tokenHash", "edgeCookie.store", "edgeCookie.limiter"],
    ],
    [
      "faults of the host beside one of the same section",
      withFields({ store: "tape:reel", limiter: "", passphrases: [{ env: "NOT_SET" }] }),
      ["edgeCookie.passphrases[0]", "edgeCookie.limiter", "edgeCookie.store"],
    ],
    ["a section that is no object", { edgeCookie: null }, ["edgeCookie", "edgeCookie.publisher.origin"]],
    ["a store that the host does not have", withFields({ store: "tape:reel" }), ["edgeCookie.store"]],
    ["a limiter that the host does not have", withFields({ limiter: "abacus:1" }), ["edgeCookie.limiter"]],
    ["a malformed store", withFields({ store: "redis://:pw-1234567@" }), ["edgeCookie.store"]],
    ["a malformed limiter", withFields({ limiter: "redis://:pw-1234567@" }), ["edgeCookie.limiter"]],
    [
      "both malformed",
      withFields({ store: "redis://h:port", limiter: "redis://h/0?x=1" }),
      ["edgeCookie.store", "edgeCookie.limiter"],
    ],
    [
      "an origin that is millrace itself",
      withFields(
        { publisher: { domain: "a.example", origin: "http://localhost:9000" } },
        { listen: { port: 9000 } },
      ),
      ["edgeCookie.publisher.origin"],
    ],
    [
      "an origin that is the service's own listener",
      withFields({
        publisher: { domain: "a.example", origin: "http://127.0.0.1:9000" },
        listen: { port: 9000 },
      }),
      ["edgeCookie.publisher.origin"],
    ],
    [
      "insecure partners on an open listener",
      withFields({ allowInsecurePartners: true }, { listen: { host: "0.0.0.0", port: 0 } }),
      ["edgeCookie.allowInsecurePartners"],
    ],
    [
      "a key given plainly and by its hash",
      withFields({
        partners: [
          { id: "a", apiKey: KEY },
          { id: "b", apiKeyHash: KEY_HASH },
        ],
      }),
      ["edgeCookie.partners[1].apiKeyHash"],
    ],
    [
      "a public suffix",
      withFields({ publisher: { domain: "co.uk", origin: "http://127.0.0.1:9" } }),
      ["edgeCookie.publisher.domain"],
    ],
    [
      "a field that appears twice",
      '{"edgeCookie": {}, "edgeCookie": {}}',
      ["edgeCookie", "edgeCookie.publisher.domain", "edgeCookie.passphrases", "edgeCookie.publisher.origin"],
    ],
  ])("%s", async (_what, config, fields) => {
    const path = file(config);
    const [check, serve] = await Promise.all([
      runCli("node", ["check", "--config", path]),
      runCli("node", ["serve", "--config", path]),
    ]);
    expect(serve).toEqual(check);
    expect([check.code, check.stdout]).toEqual([1, ""]);
    const named = [...check.stderr.matchAll(/^ {2}([^:]+): /gm)].map(([, field]) => field);
    expect([...new Set(named)]).toEqual(fields);
    expect(check.stderr).not.toMatch(/pw-1234567|a-key-of/);
  });
});
