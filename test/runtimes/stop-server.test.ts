import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { startOrigin } from "../support/origin.ts";
import { behaviours, startPartnerServer } from "../support/partner-server.ts";
import { type ProcessRuntime, spawnServer } from "../support/spawn.ts";
import { registerPuller } from "./scenarios/pull-sync.ts";
import { eventually, scenarioConfig, targetOf } from "./target.ts";

test.each<ProcessRuntime>(["node", "bun", "deno"])(
  "a server on %s with a hanging partner drains, then shuts down cleanly",
  async (runtime) => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-stop-"));
    const origin = await startOrigin();
    const partner = await startPartnerServer(behaviours.hanging);
    const config = join(folder, "config.json");
    const store = `sqlite:${join(folder, "graph.db")}`;
    writeFileSync(
      config,
      JSON.stringify(
        configFile({
          ...scenarioConfig(origin.url),
          listen: { port: 0 },
          stop: { drainDelaySeconds: 2 },
          store,
        }),
      ),
    );
    const server = await spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", config]);
    try {
      const target = targetOf(runtime, server.url, origin, server.log);
      await registerPuller(target, "hanging", partner.url);
      expect((await target.visit({ ip: "198.51.100.1", country: "JP" })).status).toBe(200);
      await eventually("the pull", async () => (partner.pulls.length > 0 ? true : undefined));
      const stopped = server.stop();
      const readiness = async () => (await fetch(`${server.url}/_ts/ready`)).json();
      await eventually("draining", async () =>
        (await readiness()).status === "draining" ? true : undefined,
      );
      expect((await target.visit({ ip: "198.51.100.2", country: "JP" })).status).toBe(200);
      expect(await stopped).toBe(0);
      expect(server.log()).not.toContain('"level":"error"');
    } finally {
      await server.stop("SIGKILL");
      await partner.close();
      await origin.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
