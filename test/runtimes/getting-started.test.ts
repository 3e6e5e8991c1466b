import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runGuide } from "../support/guide.ts";
import { linkPackage } from "../support/linked-package.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { curl } from "../support/programs.ts";
import { root, spawnServer } from "../support/spawn.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-start-"));
let origin: Origin;

beforeAll(async () => {
  origin = await startOrigin();
});

afterAll(async () => {
  await origin?.close();
  rmSync(folder, { recursive: true, force: true });
});

const read = (page: string) => readFileSync(join(root, "docs", page), "utf8");

test.skipIf(curl.find() === null)("getting started does what it says, on Node, Bun and Deno", async () => {
  const app = mkdtempSync(join(folder, "app-"));
  linkPackage(app);
  const { ran, shown } = await runGuide(read("edge-cookie/getting-started.md"), {
    folder: app,
    variables: { PASSPHRASE: "publisher-chosen-secret", SITE: "http://127.0.0.1:1" },
    serverEnv: { PORT: "0", MILLRACE_LISTEN_PORT: "0", MILLRACE_EDGE_COOKIE_PUBLISHER_ORIGIN: origin.url },
    onServer: (port) => ({ SITE: `http://127.0.0.1:${port}` }),
  });
  expect(ran).toBeGreaterThan(12);
  // Both would need a network, and are tried elsewhere: on a fresh clone, and with the packed package.
  expect(shown).toEqual(["npm start", "npm install millrace"]);
});

test("the page on configuration does what it says", async () => {
  const place = mkdtempSync(join(folder, "configuration-"));
  const { ran, shown } = await runGuide(read("operate/configuration.md"), { folder: place });
  expect(ran).toBeGreaterThan(3);
  expect(shown).toEqual([]);
});

test.skipIf(curl.find() === null)(
  "the operators' guide does what it says, and its backup serves",
  async () => {
    const place = mkdtempSync(join(folder, "operator-"));
    const config = join(place, "config.json");
    const token = "an-admin-token-for-the-guide";
    const tokenHash = createHash("sha256").update(token).digest("hex");
    writeFileSync(
      config,
      JSON.stringify({
        listen: { port: 0 },
        operator: { tokenHash },
        edgeCookie: {
          publisher: { domain: "publisher.example", origin: origin.url },
          passphrases: ["publisher-chosen-secret"],
          consent: { assumeCountry: "JP" },
        },
      }),
    );
    const serve = (file: string) =>
      spawnServer("node", ["worker/cli/main.ts", "serve", "--config", config], {
        MILLRACE_EDGE_COOKIE_STORE: `sqlite:${file}`,
      });
    const look = async (url: string, id: string) =>
      (await fetch(`${url}/_ts/admin/identity/${id}`, { headers: { authorization: `Bearer ${token}` } }))
        .status;

    const server = await serve(join(place, "data/millrace.db"));
    let id: string;
    try {
      id = (await fetch(server.url)).headers.get("x-ts-ec")!;
      const { ran } = await runGuide(read("operate/operator-guide.md"), {
        folder: place,
        variables: { MILLRACE: server.url, ADMIN_TOKEN: token, EC_ID: id },
      });
      expect(ran).toBeGreaterThan(4);
      expect(await look(server.url, id)).toBe(404);
    } finally {
      await server.stop();
    }
    const restored = await serve(join(place, "backup.db"));
    try {
      // As the guide warns: the deletion came after the backup.
      expect(await look(restored.url, id)).toBe(200);
    } finally {
      await restored.stop();
    }
  },
);
