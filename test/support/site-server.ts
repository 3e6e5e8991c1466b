import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configFile } from "./config-file.ts";
import { type ProcessRuntime, spawnServer } from "./spawn.ts";
import type { RunningProgram } from "./start-program.ts";

/**
 * Starts `millrace serve` on a runtime in front of an origin, with a memory store.
 * @param maxDescriptors Maximum number of open file descriptors. Default: the limit of this process.
 */
export async function serveSite(
  runtime: ProcessRuntime,
  origin: string,
  config: Record<string, unknown> & Partial<Record<"listen" | "publisher" | "consent", object>> = {},
  maxDescriptors?: number,
): Promise<RunningProgram & { port: number }> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-site-"));
  const file = join(folder, "config.json");
  const whole = {
    store: "memory:",
    passphrases: ["publisher-chosen-secret"],
    ...config,
    listen: { port: 0, ...config.listen },
    publisher: { domain: "site.example", origin, ...config.publisher },
    consent: { assumeCountry: "JP", ...config.consent },
  };
  writeFileSync(file, JSON.stringify(configFile(whole)));
  const server = await spawnServer(
    runtime,
    ["worker/cli/main.ts", "serve", "--config", file],
    {},
    maxDescriptors,
  );
  return {
    ...server,
    port: Number(new URL(server.url).port),
    async stop(signal) {
      const code = await server.stop(signal);
      rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}
