import { expect, test } from "vitest";
import { composeConfig } from "../../../../worker/config/compose.ts";
import { edgeCookieSection } from "../../../../worker/ec/config.ts";
import { faultLines } from "./fault-lines.ts";

const minimal = { publisher: { domain: "a.example" }, passphrases: ["publisher-chosen-secret"] };
type ReadFile = (path: string) => string;
const read = (input: object, env = {}, readFile?: ReadFile) =>
  composeConfig([edgeCookieSection], input, { env, readFile });
const sectionOf = (edgeCookie: object, env = {}, readFile?: ReadFile) =>
  read({ edgeCookie }, env, readFile).section(edgeCookieSection)!;
const faultsOf = (input: object, env = {}, readFile?: ReadFile) =>
  faultLines(() => read(input, env, readFile));

test("secrets stay out of every message", () => {
  const secrets = ["s3cr3t-one", "s3cr3t-two-is-long", "s3cr3t-three", "s3cr3t-four", "s3cr3t-five"];
  const input = {
    operator: { tokenHash: secrets[2] },
    edgeCookie: {
      publisher: { domain: "a.example", origin: `http://user:${secrets[0]}@b.example/` },
      store: `//:${secrets[0]}@host`,
      limiter: `//:${secrets[0]}@host`,
      passphrases: ["s3cr3t", { hidden: secrets[1] }],
      passphrase: secrets[3],
      auction: { endpoint: `ftp://a.example/?key=${secrets[4]}` },
      partners: [
        { id: "a", apiKey: "s3cr3t", pullToken: "s3cr3t with a space", apiKeyHash: secrets[2] },
        { id: "b", pullSyncUrl: `http://x:${secrets[3]}@p.example/?token=${secrets[4]}` },
        secrets[1],
      ],
    },
  };
  const faults = faultsOf(input, { MILLRACE_EDGE_COOKIE_PASSPHRASE: "s3cr3t-in-a-misspelt-variable" });
  expect(faults.length).toBeGreaterThan(9);
  expect(faults.join()).not.toMatch(/s3cr3t/);
});

test("secrets come from files and from the environment", () => {
  const config = sectionOf(
    {
      ...minimal,
      passphrases: [{ file: "/run/secrets/new" }, { env: "OLD" }],
      store: { env: "STORE_URL" },
      partners: [{ id: "a", apiKey: { file: "/run/secrets/key" } }],
    },
    { OLD: "the older passphrase", STORE_URL: "redis://:password@host" },
    (path) => (path.endsWith("new") ? "the newest passphrase\n" : "a-key-of-the-ssp-partner\r\n"),
  );
  expect(config.passphrases).toEqual(["the newest passphrase", "the older passphrase"]);
  expect(config.store).toBe("redis://:password@host");
  expect(config.partners[0]!.apiKey).toBe("a-key-of-the-ssp-partner");
});

test("only one line end is removed from a file's secret", () => {
  const config = sectionOf({ ...minimal, passphrases: [{ file: "x" }] }, {}, () => "a passphrase \n\n");
  expect(config.passphrases).toEqual(["a passphrase \n"]);
});

test("a secret that cannot be read is one fault", () => {
  const input = {
    operator: { tokenHash: { env: "ABSENT" } },
    edgeCookie: { ...minimal, passphrases: [{ file: "/absent" }, { env: "ABSENT" }] },
  };
  const faults = faultsOf(input, {}, () => {
    throw new Error("ENOENT");
  });
  expect(faults).toEqual([
    'operator.tokenHash: {"env": "ABSENT"}; the environment variable ABSENT to be set',
    'edgeCookie.passphrases[0]: {"file": "/absent"}; a file that can be read (ENOENT)',
    'edgeCookie.passphrases[1]: {"env": "ABSENT"}; the environment variable ABSENT to be set',
  ]);
  expect(faultsOf({ edgeCookie: { ...minimal, passphrases: [{ file: "/x" }] } })[0]).toMatch(
    /this host has no files/,
  );
});

test("the content of a file or variable is not shown, whatever its field", () => {
  const input = { listen: { host: { file: "x" } }, edgeCookie: { ...minimal, store: { env: "STORE_URL" } } };
  const faults = faultsOf(input, { STORE_URL: "hunter2 hunter2" }, () => "hunter2 hunter2");
  expect(faults).toHaveLength(2);
  expect(faults.join()).not.toMatch(/hunter2/);
});
