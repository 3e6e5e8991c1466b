import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runCli } from "../support/run-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: string[], options?: Parameters<typeof runCli>[2]) => runCli("node", args, options);

/** Writes a configuration file. */
function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const edgeCookie = {
  publisher: { domain: "a.example", origin: "http://127.0.0.1:9" },
  passphrases: ["publisher-chosen-secret"],
  consent: { assumeCountry: "DE" },
};
const valid = { edgeCookie };
const VALID = "the configuration is valid; it runs: edge-cookie\n";

describe("the command line", () => {
  test("help goes to standard output and lists every command", async () => {
    for (const args of [["--help"], []]) {
      const { code, stdout, stderr } = await run(args);
      expect([code, stderr]).toEqual([0, ""]);
      for (const command of ["serve", "check", "init", "mint", "hash", "keys", "store"]) {
        expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
      }
    }
    expect((await run(["serve", "--help"])).stdout).toMatch(/--config FILE .*--demo-if-unconfigured/s);
  });

  test("every command has help", async () => {
    const { stdout } = await run(["--help"]);
    const commands = [...stdout.matchAll(/^ {2}(\w+(?: \w+)?) {2,}/gm)].map(([, command]) => command!);
    const all = await Promise.all(commands.map((command) => run([...command.split(" "), "--help"])));
    for (const [i, { code, stdout, stderr }] of all.entries()) {
      expect([code, stderr]).toEqual([0, ""]);
      // Some take words before the options.
      expect(stdout.split("\n")[0]).toMatch(
        new RegExp(`^usage: millrace ${commands[i]} (?:\\[?[A-Z][A-Z/.]*\\]? )*\\[OPTIONS\\]$`),
      );
    }
  });

  test.each([
    [["srve"], /no command "srve"; did you mean serve\?/],
    [["frobnicate"], /no command "frobnicate"; there are: serve, check/],
    [["constructor"], /no command "constructor"/],
    [["serve", "--confg", "x"], /no option --confg; did you mean --config\?/],
    [["check", "--constructor"], /no option --constructor/],
    [["check", "-c", "x"], /no option -c; there are: --config/],
    [["check", "--config"], /--config needs a value: --config FILE/],
    [["check", "--config", ""], /--config needs a value/],
    [["serve", "--demo-if-unconfigured=yes"], /--demo-if-unconfigured takes no value/],
    [["check", "config.json"], /"config.json" is not an option/],
    [["mint"], /mint needs --ip ADDRESS/],
    [["mint", "--ip", "300.1.1.1"], /"300.1.1.1" is no IP address/],
  ])("%j is refused with 2", async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
  });

  test("the version is the package's", async () => {
    const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
    expect((await run(["--version"])).stdout).toBe(`${manifest.version}\n`);
  });
});

describe("check", () => {
  test("accepts a valid configuration, and warns", async () => {
    expect(await run(["check", "--config", file("valid.json", valid)])).toEqual({
      code: 0,
      stdout: VALID,
      stderr: "",
    });
    const { code, stdout } = await run([
      "check",
      "--config",
      file("warned.json", { edgeCookie: { ...edgeCookie, consent: {} } }),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning: .*client\.countryHeader.*\n/);
    expect(stdout.endsWith(`\n${VALID}`)).toBe(true);
  });

  test("accepts a file with a byte order mark and comments", async () => {
    const path = file(
      "bom.json",
      `\uFEFF// a // comment\n/* of\nlines */${JSON.stringify(valid)} // the end`,
    );
    expect((await run(["check", "--config", path])).code).toBe(0);
  });

  test("names every fault at once, and ends with 1", async () => {
    const config = {
      listen: { port: "x" },
      edgeCookie: { publisher: { domain: "a.example" }, passphrases: ["short!"] },
    };
    const { code, stdout, stderr } = await run(["check", "--config", file("faulty.json", config)], {
      env: { MILLRACE_LOG: "loud", MILLRACE_LISTEN_HSOT: "x" },
    });
    expect([code, stdout]).toEqual([1, ""]);
    for (const field of [
      "MILLRACE_LOG",
      "MILLRACE_LISTEN_HSOT",
      "listen.port",
      "edgeCookie.publisher.origin",
      "edgeCookie.passphrases[0]",
    ]) {
      expect(stderr).toContain(`\n  ${field}: `);
    }
    expect(stderr).toMatch(/has 5 faults/);
    expect(stderr).not.toContain("short!");
  });

  test("refuses fields that appear twice, a public suffix, and entries that can never match", async () => {
    const text = `{
      "edgeCookie": {
        "publisher": { "domain": "co.uk", "origin": "http://127.0.0.1:9" },
        "passphrases": ["the-first-secret"],
        "passphrases": ["publisher-chosen-secret"],
        "consent": { "assumeCountry": "DE", "assumeCountry": "FR" },
        "partners": [{ "id": "a", "allowedReturnDomains": ["*"], "apiKey": "a-key-of-the-ssp-partner" }]
      },
      "log": {},
      "log": {}
    }`;
    const { code, stdout, stderr } = await run(["check", "--config", file("twice.json", text)]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.split("\n").slice(1, -1)).toEqual([
      "  edgeCookie.passphrases: given in line 4 and again in line 5; expected one value",
      "  edgeCookie.consent.assumeCountry: given twice in line 6; expected one value",
      "  log: given in line 9 and again in line 10; expected one value",
      expect.stringMatching(/^ {2}edgeCookie\.publisher\.domain: "co\.uk"; /),
      expect.stringMatching(/^ {2}edgeCookie\.partners\[0\]\.allowedReturnDomains\[0\]: "\*"; .*wildcard$/),
    ]);
    expect(stderr).not.toContain("secret");
  });

  test("says where a file is not JSON, without showing it", async () => {
    const { code, stderr } = await run([
      "check",
      "--config",
      file("broken.json", '{\n  "passphrase": "s3cr3t" "x"}'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/broken\.json: not JSON at line 2, column 26;/);
    expect(stderr).not.toContain("s3cr3t");
  });

  test("says which file it cannot read", async () => {
    const { code, stderr } = await run(["check", "--config", join(folder, "absent.json")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/absent\.json: not readable/);
  });

  test("takes the file from MILLRACE_CONFIG, secrets from files, and fields from the environment", async () => {
    const secret = file("passphrase", "a passphrase in a file\n");
    const config = file("secrets.json", {
      edgeCookie: { ...edgeCookie, passphrases: [{ file: secret }] },
      listen: { port: "x" },
    });
    const env = { MILLRACE_CONFIG: config, MILLRACE_LISTEN_PORT: "1234" };
    expect((await run(["check"], { env })).code).toBe(0);
  });

  test("without any configuration says what is missing", async () => {
    const { code, stderr } = await run(["check"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ {2}edgeCookie or grasp: missing/m);
    const empty = await run(["check", "--config", file("empty.json", { edgeCookie: {} })]);
    for (const field of ["publisher.domain", "publisher.origin", "passphrases"]) {
      expect(empty.stderr).toContain(`\n  edgeCookie.${field}: missing`);
    }
  });
});

describe("secrets", () => {
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

  test.each([
    ["secret", "secret"],
    ["secret\n", "secret"],
    ["secret\r\n", "secret"],
    ["secret\n\n", "secret\n"],
    [" sécret ", " sécret "],
  ])("hash of %j", async (input, hashed) => {
    expect(await run(["hash"], { input })).toEqual({ code: 0, stdout: `${sha256(hashed)}\n`, stderr: "" });
  });

  test.each([
    ["", /no secret on standard input/],
    ["\n", /no secret on standard input/],
    ["x".repeat(70_000), /at most 65536 bytes/],
  ])("hash refuses a missing or too long secret", async (input, message) => {
    const { code, stderr } = await run(["hash"], { input });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test("keys prints a new secret and its hash each time", async () => {
    const [first, second] = await Promise.all([run(["keys"]), run(["keys"])]);
    const [, secret, hashed] = /^secret {2}([\w-]{43})\nhash {4}([0-9a-f]{64})\n$/.exec(first.stdout)!;
    expect(sha256(secret!)).toBe(hashed);
    expect(second.stdout).not.toBe(first.stdout);
  });

  test("mint uses the newest passphrase and the normalised address", async () => {
    const config = file("mint.json", {
      edgeCookie: { ...edgeCookie, passphrases: ["the newest of them", "publisher-chosen-secret"] },
    });
    const hmac = (address: string) =>
      createHmac("sha256", "the newest of them").update(address).digest("hex");
    for (const [ip, normalised] of [
      ["203.0.113.1", "203.0.113.1"],
      ["::ffff:203.0.113.1", "203.0.113.1"],
      ["2001:db8:85a3::8a2e:370:7334", "20010db885a30000"],
    ] as const) {
      const { stdout } = await run(["mint", "--ip", ip, "--config", config]);
      expect(stdout).toMatch(new RegExp(`^${hmac(normalised)}\\.[0-9A-Za-z]{6}\n$`));
    }
  });
});
