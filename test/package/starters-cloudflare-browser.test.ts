/**
 * The starters for Cloudflare Workers and the browser, built from the package as it is published.
 * @module
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findWrangler } from "../../scripts/wrangler.ts";
import { eventually } from "../runtimes/target.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { startOrigin } from "../support/origin.ts";
import { root } from "../support/spawn.ts";
import { startProgram } from "../support/start-program.ts";
import { unpackStarter } from "../support/starter.ts";

const TIMEOUT_MS = 120_000;
const ID = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const folder = mkdtempSync(join(tmpdir(), "millrace-starters-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const wrangler = findWrangler();
const noWrangler = wrangler === null ? "left out: wrangler is not on this machine" : undefined;
if (noWrangler !== undefined) console.warn(noWrangler);

describe.skipIf(noWrangler !== undefined)(noWrangler ?? "cloudflare", () => {
  test(
    "mints an id under wrangler dev, with the passphrase of .dev.vars",
    async () => {
      const starter = unpackStarter("cloudflare", folder, ["wrangler"]);
      const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));
      const { scripts, devDependencies } = read(join(starter, "package.json"));
      expect(devDependencies.wrangler).toBe(`^${read(join(wrangler!, "package.json")).version}`);
      const [command, ...args] = scripts.start.split(" ");
      expect(command).toBe("wrangler");

      const origin = await startOrigin();
      /** Runs `npm run start` with free ports and without a call beyond this machine, and visits the site. */
      const visit = async () => {
        const server = await startProgram({
          command: process.execPath,
          args: [
            join(wrangler!, "bin/wrangler.js"),
            ...args.map((arg: string) => arg.replace("127.0.0.1:9000", new URL(origin.url).host)),
            ...["--ip", "127.0.0.1", "--port", "0", "--inspector-port", "0"],
          ],
          cwd: starter,
          env: {
            CI: "1",
            CLOUDFLARE_CF_FETCH_ENABLED: "false",
            WRANGLER_SEND_METRICS: "false",
            WRANGLER_SEND_ERROR_REPORTS: "false",
            WRANGLER_LOG_PATH: join(starter, ".wrangler/logs"),
            WRANGLER_REGISTRY_PATH: join(starter, ".wrangler/registry"),
          },
          ready: /Ready on (http:\S+)/,
          startTimeoutMs: TIMEOUT_MS / 2,
        });
        try {
          const ask = async (cookie: string) => {
            const answer = await fetch(`${server.url}/page`, { headers: { cookie } });
            return { status: answer.status, body: await answer.text(), id: answer.headers.get("x-ts-ec") };
          };
          // Offline, wrangler's country is in a state whose law asks for a choice.
          return { unasked: await ask(""), chosen: await ask("us_privacy=1YNN") };
        } finally {
          await server.stop();
        }
      };
      try {
        // Without the step of the README that copies the passphrase, it does not start and names the field.
        await expect(visit()).rejects.toThrow("edgeCookie.passphrases[0]");
        copyFileSync(join(starter, ".dev.vars.example"), join(starter, ".dev.vars"));
        const { unasked, chosen } = await visit();
        expect(unasked).toEqual({ status: 200, body: "<p>/page</p>", id: null });
        expect(chosen).toEqual({ status: 200, body: "<p>/page</p>", id: expect.stringMatching(ID) });
      } finally {
        await origin.close();
      }
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(noChromium !== undefined)(noChromium ?? "browser", () => {
  test(
    "mints an id on the device and answers /identify",
    async () => {
      const starter = unpackStarter("browser", folder);
      const { scripts } = JSON.parse(readFileSync(join(starter, "package.json"), "utf8"));
      const [command, ...args] = scripts.build.split(" ");
      expect(command).toBe("esbuild");
      execFileSync(join(root, "node_modules/esbuild/bin/esbuild"), args, {
        cwd: starter,
        timeout: TIMEOUT_MS,
        stdio: "pipe",
      });
      expect(scripts.start).toBe("node serve.mjs");
      const server = await startProgram({
        command: process.execPath,
        args: ["serve.mjs"],
        cwd: starter,
        env: { PORT: "0" },
        ready: /open (http:\S+)/,
        startTimeoutMs: TIMEOUT_MS / 4,
      });
      const browser = await launchChromium();
      try {
        const page = await browser.newPage();
        await page.goto(server.url);
        const id = await eventually("an id", async () => {
          const cookies = await page.context().cookies();
          return cookies.find(({ name }) => name === "ts-ec")?.value;
        });
        expect(id).toMatch(ID);
        await page.reload();
        await page.locator("#answer", { hasText: id }).waitFor();
      } finally {
        await browser.close();
        await server.stop();
      }
    },
    TIMEOUT_MS,
  );
});
