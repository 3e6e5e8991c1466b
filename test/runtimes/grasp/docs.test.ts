/**
 * The commands of GRASP's pages run as written.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import getPort from "get-port";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GraspServer, graspServer } from "../../support/grasp-server.ts";
import { runGuide } from "../../support/guide.ts";
import { curl } from "../../support/programs.ts";
import { root } from "../../support/spawn.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-grasp-docs-"));
const before = process.env.GIT_CONFIG_GLOBAL;

beforeAll(() => {
  // What a reader of the pages has: a name for commits.
  const path = join(folder, "gitconfig");
  writeFileSync(path, "[user]\n name = a\n email = a@example.com\n[protocol]\n version = 2\n");
  process.env.GIT_CONFIG_GLOBAL = path;
});
afterAll(() => {
  if (before === undefined) delete process.env.GIT_CONFIG_GLOBAL;
  else process.env.GIT_CONFIG_GLOBAL = before;
  rmSync(folder, { recursive: true, force: true });
});

const read = (page: string) => readFileSync(join(root, "docs/grasp", page), "utf8");

test("the commands of GRASP's first page run as written: serve, publish, push, clone, a refusal", async () => {
  const port = await getPort();
  const { ran, shown } = await runGuide(read("README.md"), {
    folder: mkdtempSync(join(folder, "readme-")),
    variables: { SERVER: `http://127.0.0.1:${port}` },
    serverEnv: { MILLRACE_GRASP_DOMAIN: `127.0.0.1:${port}`, MILLRACE_GRASP_LISTEN_PORT: String(port) },
  });
  expect(ran).toBeGreaterThanOrEqual(5);
  // ngit.test.ts runs ngit.
  expect(shown).toHaveLength(1);
}, 120_000);

test.skipIf(curl.find() === null)(
  "the commands of the page for clients run as written",
  async () => {
    const server: GraspServer = await graspServer("node");
    try {
      const { ran } = await runGuide(read("clients.md"), {
        folder: mkdtempSync(join(folder, "clients-")),
        variables: { SERVER: server.url },
      });
      expect(ran).toBeGreaterThan(0);
    } finally {
      await server.stop();
    }
  },
  60_000,
);
