import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tcfString } from "../support/consent-strings.ts";
import { runGuide } from "../support/guide.ts";
import { linkPackage } from "../support/linked-package.ts";
import { readPage } from "../support/markdown.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { curl } from "../support/programs.ts";
import { root, runtimes, spawnServer } from "../support/spawn.ts";

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

/** A folder in which the pages' programs find millrace and the frameworks. */
function makeApp(): string {
  const app = mkdtempSync(join(folder, "app-"));
  linkPackage(app);
  for (const name of ["express", "fastify"]) {
    symlinkSync(join(root, "test/node_modules", name), join(app, "node_modules", name));
  }
  return app;
}

test.skipIf(curl.find() === null)(
  "the commands of getting-started.md run as written, on Node, Bun and Deno",
  async () => {
    const app = makeApp();
    const { ran, shown } = await runGuide(read("edge-cookie/getting-started.md"), {
      folder: app,
      variables: { PASSPHRASE: "publisher-chosen-secret", SITE: "http://127.0.0.1:1", TC: tcfString() },
      serverEnv: { PORT: "0", MILLRACE_LISTEN_PORT: "0", MILLRACE_EDGE_COOKIE_PUBLISHER_ORIGIN: origin.url },
      onServer: (port) => ({ SITE: `http://127.0.0.1:${port}` }),
    });
    expect(ran).toBeGreaterThan(18);
    // `test/package/commands.test.ts` has these.
    expect(shown).toHaveLength(4);
  },
);

test.each([
  ["operate/configuration.md", 4],
  ["edge-cookie/configuration.md", 1],
])("the commands of %s run as written", async (page, commands) => {
  const place = mkdtempSync(join(folder, "configuration-"));
  const { ran, shown } = await runGuide(read(page), { folder: place });
  expect(ran).toBeGreaterThanOrEqual(commands);
  expect(shown).toEqual([]);
});

test("the README's lines mint an id for a first visit", async () => {
  const { blocks } = readPage(readFileSync(join(root, "README.md"), "utf8"));
  const { info, text } = blocks.find(({ language }) => language === "js")!;
  const app = makeApp();
  writeFileSync(join(app, info), `${text}\nexport { handler };\n`);
  // A port that another program has would end it.
  const script = `process.env.PORT = "0";
    const { handler } = await import("./${info}");
    const answer = await handler(new Request("http://example.com/"), { incoming: { socket: { remoteAddress: "203.0.113.1" } } });
    console.log(answer.headers.get("x-ts-ec"), await answer.text());
    process.exit();`;
  const printed = execFileSync(runtimes.node[0], ["--input-type=module", "-e", script], {
    cwd: app,
    encoding: "utf8",
  });
  expect(printed).toMatch(/^([0-9a-f]{64}\.[0-9A-Za-z]{6}) your id: \1$/m);
});

test.skipIf(curl.find() === null)(
  "the commands of operator-guide.md run as written, and the backup can be served",
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
      // As the guide says: the deletion is newer than the backup.
      expect(await look(restored.url, id)).toBe(200);
    } finally {
      await restored.stop();
    }
  },
);
