/**
 * The starters for Cloudflare Workers and the browser, built from the package as it is published.
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, describe, expect, test } from "vitest";
import { eventually } from "../runtimes/target.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { startOrigin } from "../support/origin.ts";
import { root } from "../support/spawn.ts";
import { startProgram } from "../support/start-program.ts";
import { unpackStarter } from "../support/starter.ts";
import { runWorker } from "../support/workerd.ts";

const TIMEOUT_MS = 120_000;
const ID = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const folder = mkdtempSync(join(tmpdir(), "millrace-starters-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(
  "cloudflare: mints an id with the configuration of wrangler.jsonc",
  async () => {
    const starter = unpackStarter("cloudflare", folder, ["wrangler"]);
    const read = (file: string) => readFileSync(join(starter, file), "utf8");
    const wrangler = JSON.parse(read("wrangler.jsonc").replace(/^\s*\/\/.*$/gm, ""));
    const [object] = wrangler.durable_objects.bindings;
    expect(object.name).toBe("MILLRACE");
    expect(wrangler.migrations).toEqual([{ tag: "v1", new_sqlite_classes: [object.class_name] }]);
    const bindings = Object.fromEntries(
      [...read(".dev.vars.example").matchAll(/^(\w+)="(.*)"$/gm)].map(([, key, value]) => [key, value]),
    );

    // As wrangler bundles.
    const bundled = await build({
      absWorkingDir: starter,
      entryPoints: [wrangler.main],
      bundle: true,
      write: false,
      format: "esm",
      target: "es2024",
      conditions: ["workerd", "worker", "browser"],
      mainFields: ["browser", "module", "main"],
      external: ["cloudflare:*", "*.wasm"],
      logLevel: "silent",
    });
    const origin = await startOrigin();
    const worker = await runWorker(bundled.outputFiles[0]!.text, {
      className: object.class_name,
      compatibilityDate: wrangler.compatibility_date,
      bindings,
      upstream: origin.url,
    });
    try {
      const answer = await worker.ask("/page", "203.0.113.7", { country: "JP" });
      expect(answer.body).toBe("<p>/page</p>");
      expect(answer.id).toMatch(ID);
    } finally {
      await worker.stop();
      await origin.close();
    }
  },
  TIMEOUT_MS,
);

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
