/**
 * The starters for Node, Bun and Deno, started as their README says, from the package as it is published.
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ProcessRuntime, root, runtimes } from "../support/spawn.ts";
import { type RunningProgram, startProgram } from "../support/start-program.ts";
import { makeKeys, unpackStarter } from "../support/starter.ts";

const TIMEOUT_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "millrace-starters-"));

const manifests = { node: "package.json", bun: "package.json", deno: "deno.json" } as const;

/** Unpacks a starter. Returns the command line of its `start`. */
function unpack(runtime: ProcessRuntime): string[] {
  const file = join(unpackStarter(runtime, folder), manifests[runtime]);
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  if (runtime === "deno") {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(manifest.imports).toEqual({ millrace: `npm:millrace@^${version}` });
    // The package comes from the checkout, in the place where `deno install` puts it.
    const linked = { ...manifest, imports: {}, nodeModulesDir: "manual" };
    writeFileSync(file, JSON.stringify(linked));
  }
  return (manifest.scripts ?? manifest.tasks).start.split(" ");
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(Object.keys(runtimes) as ProcessRuntime[])("%s", (runtime) => {
  test(
    "mints an id, and recognises it after a restart",
    async () => {
      const [command, ...args] = unpack(runtime);
      expect(command).toBe(runtime);
      const { secret } = makeKeys(join(folder, runtime), runtimes[runtime]);
      const start = () =>
        startProgram({
          command: runtimes[runtime][0],
          args,
          cwd: join(folder, runtime),
          env: {
            PASSPHRASE: secret,
            DOMAIN: "publisher.example",
            COUNTRY_HEADER: "x-country",
            REGION_HEADER: "x-region",
            PORT: "0",
          },
          ready: /listening on (http:\S+)/,
          startTimeoutMs: TIMEOUT_MS / 4,
        });

      /** Starts the starter, runs `visit`, and ends the starter. */
      const whileServing = async <T>(visit: (server: RunningProgram) => Promise<T>): Promise<T> => {
        const server = await start();
        try {
          return await visit(server);
        } finally {
          await server.stop();
        }
      };

      const id = await whileServing(async ({ url }) => {
        const unknown = await fetch(url);
        expect([await unknown.text(), unknown.headers.getSetCookie()]).toEqual(["your id: null\n", []]);
        const first = await fetch(url, { headers: { "x-country": "JP" } });
        const id = first.headers.get("x-ts-ec");
        expect(await first.text()).toBe(`your id: ${id}\n`);
        expect(first.headers.getSetCookie()).toEqual([
          `ts-ec=${id}; Domain=.publisher.example; Path=/; Secure; SameSite=Lax; Max-Age=31536000`,
        ]);
        return id;
      });

      await whileServing(async ({ url, all }) => {
        const headers = { "x-country": "JP", cookie: `ts-ec=${id}` };
        const again = await fetch(url, { headers });
        expect([await again.text(), again.headers.getSetCookie()]).toEqual([`your id: ${id}\n`, []]);
        const known = await fetch(`${url}/identify`, { headers });
        expect([known.status, (await known.json()).ec]).toEqual([200, id]);
        const health = await fetch(`${url}/_ts/ready`);
        expect([health.status, await health.json()]).toEqual([200, { status: "ok" }]);
        expect(all()).not.toMatch(/"level":"(warn|error)"/);
      });
    },
    TIMEOUT_MS,
  );
});
