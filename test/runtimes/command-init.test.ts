import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCli } from "../support/run-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-init-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("init writes a file that check accepts after its one edit, and serve starts with it", async () => {
  const path = join(folder, "millrace.jsonc");
  const { code, stdout } = await runCli("node", ["init", "--config", path]);
  expect(code).toBe(0);
  expect(statSync(path).mode & 0o777).toBe(0o600);

  const text = readFileSync(path, "utf8");
  const token = /token.*: ([\w-]{43})$/m.exec(stdout)![1]!;
  expect(text).toContain(createHash("sha256").update(token).digest("hex"));
  expect(text).not.toContain(token);

  const before = await runCli("node", ["check", "--config", path]);
  expect(before.code).toBe(1);
  const faults = [...before.stderr.matchAll(/^ {2}(\S+): /gm)].map(([, field]) => field);
  expect(faults).toEqual(["edgeCookie.publisher.origin"]);
  expect(stdout).toContain(`  ${faults[0]}: `);

  writeFileSync(path, text.replace('"origin": null', '"origin": "http://127.0.0.1:9"'));
  const after = await runCli("node", ["check", "--config", path]);
  expect(after).toEqual({
    code: 0,
    stdout: "the configuration is valid; it runs: edge-cookie, grasp\n",
    stderr: "",
  });
});

test("init makes new secrets each time", async () => {
  const paths = ["a.jsonc", "b.jsonc"].map((name) => join(folder, name));
  await Promise.all(paths.map((path) => runCli("node", ["init", "--config", path])));
  const [first, second] = paths.map(
    (path) => /"passphrases": \["([\w-]{43})"\]/.exec(readFileSync(path, "utf8"))![1],
  );
  expect(first).not.toBe(second);
});

test("init overwrites no file", async () => {
  const path = join(folder, "precious.jsonc");
  writeFileSync(path, "precious");
  const { code, stdout, stderr } = await runCli("node", ["init", "--config", path]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(path);
  expect(readFileSync(path, "utf8")).toBe("precious");
});
