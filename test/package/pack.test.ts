import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDocumentServers } from "../support/document-servers.ts";
import { type ProcessRuntime, root, runtimes, spawnServer } from "../support/spawn.ts";

const TIMEOUT_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "millrace-package-"));
const app = join(folder, "app");

/** Runs a program to its end; its output. */
function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", timeout: TIMEOUT_MS, stdio: "pipe" });
}

/** Runs npm on the Node that the lockfile pins, however the tests were started. */
function npm(args: readonly string[], cwd: string): string {
  const script = process.env.npm_execpath;
  return script === undefined ? run("npm", args, cwd) : run(process.execPath, [script, ...args], cwd);
}

/** Packs a folder; the tarball's path. */
function pack(path: string): string {
  const [packed] = JSON.parse(
    npm(["pack", path, "--json", "--ignore-scripts", "--pack-destination", folder], root),
  );
  return join(folder, packed.filename.replace("@", "").replace("/", "-"));
}

/** The folders of all packages that the project's own needs at run time, those that packages need included. */
function dependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const folders = new Set<string>();
  const add = (name: string) => {
    const path = `node_modules/${name}`;
    if (folders.has(path)) return;
    folders.add(path);
    for (const needed of Object.keys(packages[path].dependencies ?? {})) add(needed);
  };
  for (const name of Object.keys(packages[""].dependencies)) add(name);
  return [...folders];
}

/** What a user writes who has a handler already; `SUBPATH` is where the entry comes from. */
const EMBEDDING = `
import { edgeCookie, ecOf } from "SUBPATH";
import { edgeCookieMiddleware } from "millrace/hono";
import { Hono } from "hono";

const options = {
  publisher: { domain: "publisher.example" },
  store: "memory:",
  passphrases: ["publisher-chosen-secret"],
  client: { ipHeader: "x-ip", countryHeader: "x-country", regionHeader: null },
};
const visit = () => new Request("http://publisher.example/", { headers: { "x-ip": "203.0.113.1", "x-country": "JP" } });

const ec = edgeCookie(options);
const handler = ec((request) => new Response(ecOf(request).activeId));
const response = await handler(visit());
console.log(response.headers.getSetCookie().length, response.headers.get("x-ts-ec") === (await response.text()));
console.log(response.headers.get("x-ts-ec").slice(0, 64));
await handler.close();

const app = new Hono();
const wrap = edgeCookie(options);
app.use(edgeCookieMiddleware(wrap));
app.get("/", (c) => c.text("page", 200, { "set-cookie": "own=1" }));
const page = await app.fetch(visit());
console.log(await page.text(), page.headers.getSetCookie().length);
`;
const EXPECTED = [
  "1 true",
  "f380e72f656b9995f6bcffe9605c25ab43a65c4a5137b94e2511755e58f8d4ca",
  "page 2",
  "",
].join("\n");

beforeAll(() => {
  const tarballs = [".", ...dependencies().map((path) => `./${path}`)].map(pack);
  writeFileSync(join(folder, "package.json"), "{}");
  run("mkdir", ["app"], folder);
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  // Everything it depends on is packed too, so that nothing has to come from elsewhere.
  npm(["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", ...tarballs], app);
}, TIMEOUT_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(Object.keys(runtimes) as ProcessRuntime[])("the packed package on %s", (runtime) => {
  const [command, ...first] = runtimes[runtime];

  test.each(["millrace", `millrace/${runtime}`, "millrace/web"])(
    "%s can be embedded with three lines",
    (subpath) => {
      const script = `embed-${runtime}-${subpath.replace("/", "-")}.mjs`;
      writeFileSync(join(app, script), EMBEDDING.replace("SUBPATH", subpath));
      expect(run(command, [...first, script], app)).toBe(EXPECTED);
    },
  );

  test("every export loads", () => {
    const { exports } = JSON.parse(readFileSync(join(app, "node_modules/millrace/package.json"), "utf8"));
    // These entries load on their own runtime only.
    const others = [...Object.keys(runtimes), "fastly", "wasi", "cloudflare", "browser"].filter(
      (name) => name !== runtime,
    );
    const paths = Object.keys(exports).filter(
      (path) => !path.endsWith(".json") && !others.includes(path.slice(2)),
    );
    const script = `load-${runtime}.mjs`;
    const lines = paths.map((path) => `await import("millrace${path.slice(1)}");`);
    writeFileSync(join(app, script), `${lines.join("\n")}\nconsole.log("loaded");\n`);
    expect(run(command, [...first, script], app)).toBe("loaded\n");
  });

  test("the sync engine's example collects each document from a server that has it", async () => {
    cpSync(join(root, "examples/sync-engine/main.ts"), join(app, "sync-engine.ts"));
    const { failing, empty, full, close } = await startDocumentServers();
    const documents = [`one=${failing}/1,${full}/1`, `two=${empty}/2,${full}/2`, `three=${full}/3`];
    try {
      const { stdout, stderr } = await promisify(execFile)(
        command,
        [...first, "sync-engine.ts", ...documents],
        {
          cwd: app,
          timeout: TIMEOUT_MS,
        },
      );
      const from = full.slice("http://".length);
      expect(stdout.trim().split("\n").sort()).toEqual([
        `one, from ${from}: the text of /1`,
        `three, from ${from}: the text of /3`,
        `two, from ${from}: the text of /2`,
      ]);
      const logged = stderr.split("\n").filter((line) => line.startsWith("{"));
      expect(
        logged.map((line) => JSON.parse(line)).sort((a, b) => a.event.localeCompare(b.event)),
      ).toMatchObject([
        {
          event: "fetch-ended",
          outcome: "failed",
          identifier: "one",
          domain: failing.slice("http://".length),
        },
        { event: "source-set-aside", identifier: "two" },
      ]);
    } finally {
      close();
    }
  });
});

test.each(Object.keys(runtimes) as ProcessRuntime[])(
  "a Redis store without its client library names the package to install on %s",
  (runtime) => {
    const [command, ...first] = runtimes[runtime];
    const script = `redis-${runtime}.mjs`;
    writeFileSync(
      join(app, script),
      `import { connectRedis } from "millrace/stores/redis";
const clock = { now: Date.now, after: (ms, call) => clearTimeout.bind(null, setTimeout(call, ms)) };
const redis = connectRedis({ url: "redis://127.0.0.1:1", clock });
await redis.send("GET", "key").catch(({ message }) => console.log(message));
await redis.close();`,
    );
    expect(run(command, [...first, script], app)).toContain("npm i @redis/client");
  },
);

test("the command line runs from the package", () => {
  const millrace = join(app, "node_modules/millrace/dist/worker/cli/main.js");
  expect(run(process.execPath, [millrace, "--version"], app)).toMatch(/^\S*\d+\.\d+\.\d+\n$/);
});

test("the demonstrations run from the package, with each file of their pages", async () => {
  const millrace = join(app, "node_modules/millrace/dist/worker/cli/main.js");
  const server = await spawnServer("node", [millrace, "serve", "--demo-if-unconfigured"], {
    MILLRACE_LISTEN_PORT: "0",
    MILLRACE_EDGE_COOKIE_STORE: "memory:",
  });
  try {
    const filesFrom = async (base: string, pages: string[]): Promise<string[]> => {
      const seen = new Set(pages);
      for (const path of seen) {
        const answer = await fetch(base + path);
        expect(answer.status, path).toBe(200);
        // The loop comes to what is added on the way, too.
        for (const [, name] of (await answer.text()).matchAll(
          /(?:href=|src=|from )"([^"]+\.(?:css|js|svg))"/g,
        )) {
          seen.add(new URL(name!, base + path).pathname);
        }
      }
      return [...seen];
    };
    expect(await filesFrom(server.url, ["/", "/_demo/partner"])).toContain("/_demo/gate.js");
    const [, grasp] = /^millrace grasp listening on (http:\S+)$/m.exec(server.output())!;
    expect(await filesFrom(grasp!, ["/"])).toContain("/life/map.js");
  } finally {
    expect(await server.stop()).toBe(0);
  }
});

test("contains compiled code, types and WebAssembly, and neither tests nor sources", () => {
  const files = readdirSync(join(app, "node_modules/millrace"), { recursive: true, encoding: "utf8" });
  expect(files).toContain("dist/wasm/built/simd.wasm");
  expect(files).toContain("dist/worker/entries/node.d.ts");
  expect(files).toContain("wasm/wit/hotpath.wit");
  expect(files).toContain("dist/config.schema.json");
  expect(files).toContain("LICENSE");
  const others = ["docs/operate/deployment.md", "deploy/millrace.service", "CHANGELOG.md", "SECURITY.md"];
  expect(files).toEqual(expect.arrayContaining(others));
  // The package names no repository: its publisher does.
  const manifest = JSON.parse(readFileSync(join(app, "node_modules/millrace/package.json"), "utf8"));
  expect(Object.keys(manifest)).not.toEqual(expect.arrayContaining(["repository"]));
  expect(files.filter((file) => file.startsWith("test") || /(?<!\.d)\.ts$/.test(file))).toEqual([]);
});

test("its types compile in a strict project", () => {
  writeFileSync(
    join(app, "consumer.ts"),
    `import { edgeCookie } from "millrace";
const fetch = edgeCookie({ publisher: { domain: "publisher.example" }, passphrases: ["a long secret"] })(
  () => new Response("hello"),
);
export default { fetch };
// @ts-expect-error: a publisher has a domain
edgeCookie({ publisher: {}, passphrases: ["a long secret"] });
`,
  );
  const tsc = join(root, "test/node_modules/typescript/bin/tsc");
  const options = "--noEmit --strict --target es2024 --module nodenext --skipLibCheck".split(" ");
  const types = ["--typeRoots", join(root, "test/node_modules/@types"), "--types", "node"];
  expect(run(process.execPath, [tsc, ...options, ...types, "consumer.ts"], app)).toBe("");
});
