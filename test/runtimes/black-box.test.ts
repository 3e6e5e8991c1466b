import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { configFile } from "../support/config-file.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessRuntime, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { blackBox } from "./black-box.ts";
import { scenarioConfig, type Target, targetOf } from "./target.ts";

const processes: ProcessRuntime[] = ["node", "bun", "deno"];

describe.each(processes)("black box on %s", (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  let origin: Origin;
  let server: RunningProgram;
  let target: Target;

  beforeAll(async () => {
    origin = await startOrigin();
    const config = join(folder, "config.json");
    writeFileSync(
      config,
      JSON.stringify(
        configFile({
          ...scenarioConfig(origin.url),
          listen: { port: 0 },
          store: `sqlite:${join(folder, "graph.db")}`,
        }),
      ),
    );
    server = await spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", config]);
    target = targetOf(runtime, server.url, origin, server.log);
  });

  afterAll(async () => {
    await server?.stop();
    await origin?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  blackBox(runtime, () => target);
});
