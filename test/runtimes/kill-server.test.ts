import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { startOrigin } from "../support/origin.ts";
import { type ProcessRuntime, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { ecCookieOf, scenarioConfig, targetOf } from "./target.ts";

const KILLS = 3;
/** Number of concurrent visitors. */
const AT_ONCE = 8;
/** Number of answers before the server is killed, during further visits. */
const ANSWERS = 60;

test.each<ProcessRuntime>(["node", "bun", "deno"])(
  "a server on %s that is killed during visits has each id that it returned",
  async (runtime) => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-kill-"));
    const database = join(folder, "graph.db");
    const origin = await startOrigin();
    const config = join(folder, "config.json");
    writeFileSync(
      config,
      JSON.stringify(
        configFile({ ...scenarioConfig(origin.url), listen: { port: 0 }, store: `sqlite:${database}` }),
      ),
    );
    const start = () => spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", config]);
    const given = new Set<string>();
    let server: RunningProgram | undefined;
    try {
      for (let round = 0; round < KILLS; round++) {
        server = await start();
        const target = targetOf(runtime, server.url, origin, server.log);
        const before = given.size;
        let killed = false;
        const visitors = Array.from({ length: AT_ONCE }, async (_, i) => {
          while (!killed) {
            try {
              const answer = await target.visit({ ip: `198.51.100.${round * AT_ONCE + i}`, country: "JP" });
              given.add(ecCookieOf(answer)!.value);
            } catch (error) {
              if (!killed) throw error;
            }
            if (given.size - before >= ANSWERS && !killed) {
              killed = true;
              server!.kill("SIGKILL");
            }
          }
        });
        await Promise.all(visitors);
        await server.stop("SIGKILL");
      }
      server = await start();
      const target = targetOf(runtime, server.url, origin, server.log);
      const lost: string[] = [];
      for (const id of given) if ((await target.entry(id))?.consent.ok !== true) lost.push(id);
      expect(lost).toEqual([]);
      expect(given.size).toBeGreaterThanOrEqual(KILLS * ANSWERS);
      expect(await server.stop()).toBe(0);
      const file = new DatabaseSync(database);
      expect(file.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
      file.close();
    } finally {
      await server?.stop("SIGKILL");
      await origin.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
