/**
 * Commands of README, docs and the starters that no guide runs, as written. A command is either run here, or the table says
 * which test runs it in another way, or which machine it needs. A page with a command that is in neither fails.
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readPage } from "../support/markdown.ts";
import { root, runtimes } from "../support/spawn.ts";
import { startProgram } from "../support/start-program.ts";

const TIMEOUT_MS = 300_000;
const folder = mkdtempSync(join(tmpdir(), "millrace-commands-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const starters = "the starters' tests do it with the packed package: it is not in a registry yet";
const starter = (name: string) => `test/package/ starts the ${name} starter by the same command`;

const container = "needs Docker; test/runtimes/deployment.test.ts runs the steps of the Dockerfile";
const unit = "needs a machine's systemd; test/runtimes/deployment.test.ts has the unit checked";

const replicas = "test/runtimes/grasp/replicas.test.ts starts a process that writes and replicas";
/** Commands that are not run here, and why. */
const ELSEWHERE: Record<string, string> = {
  "npm test": "it runs these tests",
  "npm install millrace":
    "test/package/pack.test.ts installs the packed package: it is not in a registry yet",
  "npm install /path/to/millrace/millrace-0.1.0.tgz":
    "test/package/pack.test.ts installs it, without a network",
  "npm run cluster": "test/runtimes/cluster-demo.test.ts runs it",
  "npm i @redis/client": "needs a registry; the checkout has it installed",
  "npm install": starters,
  "bun install": starters,
  "deno install": starters,
  "npx millrace keys": "test/package/ runs the package's own `millrace keys`",
  "bunx millrace keys": "test/package/ runs the package's own `millrace keys`",
  "deno run -A npm:millrace keys": "test/package/ runs the package's own `millrace keys`",
  "PASSPHRASE=… DOMAIN=example.com COUNTRY_HEADER=x-country npm start": starter("Node"),
  "PASSPHRASE=… DOMAIN=example.com COUNTRY_HEADER=x-country bun start": starter("Bun"),
  "PASSPHRASE=… DOMAIN=example.com COUNTRY_HEADER=x-country deno task start": starter("Deno"),
  "curl -i -H 'x-country: JP' http://127.0.0.1:8787/": "the starters' tests send this request on a free port",
  "cp .dev.vars.example .dev.vars": "the test of the Cloudflare starter copies the same file",
  "npm run start":
    "test/package/ starts Cloudflare's by wrangler, and Fastly's by Viceroy, which `fastly compute serve` runs",
  "npm run deploy": "needs an account of the platform",
  "npm run build": "test/package/ runs the same build",
  "npm start": "test/package/ starts the browser's starter",
  "npm start -- report=https://one.example/report,https://two.example/report":
    "test/package/pack.test.ts runs it against servers of its own, from the installed package",
  "STORE_TOKEN_HASH=… npm run store": starter("WASI"),
  "curl -i -H 'x-real-ip: 203.0.113.1' -H 'x-country: JP' http://127.0.0.1:8787/":
    "the test of the WASI starter sends this request on a free port",
  "millrace grasp publish --server https://git.example --create-key --push":
    "test/runtimes/grasp/publish.test.ts does it on each runtime",
  "git clone https://git.example/NPUB/NAME.git":
    "test/runtimes/grasp/publish.test.ts clones what it published",
  'ngit init --grasp-server "$SERVER" --name lighthouse': "test/runtimes/grasp/ngit.test.ts runs ngit",
  "docker build -f deploy/Dockerfile -t millrace .": container,
  "docker run -d --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp --stop-timeout 75 -p 127.0.0.1:8787:8787 -v millrace-data:/data -v /etc/millrace:/etc/millrace:ro -e MILLRACE_LISTEN_HOST=0.0.0.0 -e PASSPHRASE millrace":
    container,
  "npm install --prefix /opt/millrace millrace": unit,
  "install -m 0644 deploy/millrace.service /etc/systemd/system/": unit,
  "systemctl enable --now millrace": unit,
  "systemctl reload millrace": unit,
  "npm run millrace -- serve --workers 4 --config millrace.json":
    "test/runtimes/workers.test.ts starts several processes by --workers",
  "millrace grasp serve --config grasp.json": replicas,
  "MILLRACE_GRASP_REPLICA=true MILLRACE_GRASP_LISTEN_PORT=7335 millrace grasp serve --config grasp.json":
    replicas,
  "sysctl -w net.ipv4.tcp_migrate_req=1": "changes the machine's kernel",
  "git push origin main": "test/runtimes/grasp/ngit.test.ts pushes through ngit",
};

/** The commands in fenced blocks: a line that ends with a backslash goes on in the next one, comments are left out. */
function commandsOf(page: string, language: string): string[] {
  return readPage(readFileSync(join(root, page), "utf8"))
    .blocks.filter((block) => block.language === language)
    .flatMap(({ text }) =>
      text
        .replace(/\\\n\s*/g, "")
        .trim()
        .split("\n"),
    )
    .map((line) => line.replace(/\s+# .*$/, "").trim())
    .filter((line) => line !== "");
}

const pages = ["docs", "examples"].flatMap((part) =>
  readdirSync(join(root, part), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
    .map((name) => join(part, name)),
);
const shown = ["README.md", ...pages].flatMap((page) =>
  commandsOf(page, page.startsWith("examples/") ? "sh" : "console").map((command) => ({ page, command })),
);

const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|npm_)/.test(name));
const env = {
  ...Object.fromEntries(inherited),
  PATH: `${dirname(runtimes.node[0])}${delimiter}${process.env.PATH}`,
};
const run = (command: string) =>
  execFileSync("sh", ["-c", command], {
    cwd: root,
    env,
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    stdio: "pipe",
  });

/** What is run here, from the checkout, as written. */
const HERE: Record<string, () => unknown> = {
  "npm run millrace -- keys": () => {
    expect(run("npm run millrace -- keys")).toMatch(/^secret {2}\S+\nhash {4}[0-9a-f]{64}$/m);
  },
  "npm pack": () => {
    const printed = run(`npm pack --pack-destination ${folder}`);
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(printed.trim().split("\n").at(-1)).toBe(`millrace-${version}.tgz`);
  },
};

test.each(Object.keys(HERE))("%s", { timeout: TIMEOUT_MS }, (command) => void HERE[command]!());

test(
  "npm start",
  async () => {
    const server = await startProgram({
      command: "npm",
      args: ["start"],
      cwd: root,
      env: { MILLRACE_LISTEN_PORT: "0", MILLRACE_EDGE_COOKIE_STORE: "memory:" },
      ready: /millrace edge-cookie listening on (http:\S+)/,
      startTimeoutMs: TIMEOUT_MS / 2,
    });
    try {
      const answer = await fetch(server.url);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toMatch(/^text\/html\b/);
    } finally {
      await server.stop();
    }
  },
  TIMEOUT_MS,
);

describe("every command of the pages is run, or has a reason", () => {
  test.each(shown)("$page: $command", ({ page, command }) => {
    const isHere = Object.hasOwn(HERE, command) || (command === "npm start" && !page.startsWith("examples/"));
    const isWithVariables = command.startsWith("MILLRACE_EDGE_COOKIE_STORE=http://:TOKEN@");
    const reason = ELSEWHERE[command];
    expect(
      isHere || isWithVariables || reason !== undefined,
      `"${command}" is neither run nor explained`,
    ).toBe(true);
    if (!isHere) console.log(`${page}: ${command}: ${reason ?? starter("WASI")}`);
  });
});
