import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { httpStore } from "../../runtime/stores/http.ts";
import { runCli } from "../support/run-cli.ts";
import { spawnServer } from "../support/spawn.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-cli-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TOKEN = "the-token-of-the-store";
const HASH = createHash("sha256").update(TOKEN).digest("hex");

test.each([
  [[], 2, /--token-hash/],
  [["--token-hash", TOKEN], 2, /--token-hash/],
  [["--token-hash", HASH, "--port", "70000"], 2, /--port .*0 to 65535/],
  [["--token-hash", HASH, "--store", "tape:reel"], 1, /no store for "tape:"/],
])("store %j ends with %i", async (args, code, message) => {
  const ended = await runCli("node", ["store", ...args]);
  expect([ended.code, ended.stdout]).toEqual([code, ""]);
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr).not.toContain(TOKEN);
});

test("a store that cannot be opened is told before anything is served", async () => {
  const path = join(folder, "not-a-database");
  writeFileSync(path, "not a database ".repeat(100));
  const ended = await runCli("node", [
    "store",
    "--token-hash",
    HASH,
    "--port",
    "0",
    "--store",
    `sqlite:${path}`,
  ]);
  expect([ended.code, ended.stdout]).toEqual([1, ""]);
  expect(ended.stderr).toMatch(/not-a-database: file is not a database/);
});

test("serves over HTTP what outlives it", async () => {
  const args = ["store", "--port", "0", "--token-hash", HASH, "--store", `sqlite:${join(folder, "a.db")}`];
  const open = (url: string) => httpStore({ url, token: TOKEN, fetch: (to, init) => fetch(to, init) });
  const first = await spawnServer("node", ["worker/cli/main.ts", ...args]);
  const put = await open(first.url).put("key", "välue", { metadata: { n: 1 } });
  expect(await first.stop()).toBe(0);
  const second = await spawnServer("node", ["worker/cli/main.ts", ...args]);
  const entry = { value: "välue", metadata: { n: 1 }, version: put.ok && put.version };
  expect(await open(second.url).get("key")).toEqual(entry);
  expect(await second.stop()).toBe(0);
});
