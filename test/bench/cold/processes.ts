import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../../support/bundle.ts";
import { type ProcessRuntime, runtimes } from "../../support/spawn.ts";
import { buildPackage } from "../../support/starter.ts";
import type { OpenRig } from "./rig.ts";

const script = fileURLToPath(new URL("first-response.ts", import.meta.url));
const TIMEOUT_MS = 60_000;

/** Node, Bun or Deno: a process for each start, from the import on. */
export const processRig =
  (runtime: ProcessRuntime): OpenRig =>
  async (folder) => {
    buildPackage();
    const [command, ...args] = runtimes[runtime];
    let starts = 0;
    const first = (what: string) => async () => {
      const database = join(folder, `${runtime}-${starts++}.db`);
      const all = [...args, script, runtime, what, database];
      return Number(execFileSync(command, all, { encoding: "utf8", timeout: TIMEOUT_MS }));
    };
    return {
      size: await bundle({ entry: `worker/entries/${runtime}.ts`, platform: "process" }),
      deployedBytes: null,
      first: { millrace: first("millrace"), hono: first("hono") },
      async close() {},
    };
  };
