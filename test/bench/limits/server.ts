/**
 * The server whose limits are measured: `millrace serve` on Node with the default configuration, and what the kernel counts of it.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { HOST } from "../../support/grasp-server.ts";
import { processorMsOf, residentMiBOf } from "../../support/process-figures.ts";
import { root, runtimes } from "../../support/spawn.ts";
import { type RunningProgram, startProgram } from "../../support/start-program.ts";
import type { Contender } from "../grasp/servers.ts";

/** A million stored events are checked before the server is ready (P33). */
const START_TIMEOUT_MS = 600_000;
const STOP_TIMEOUT_MS = 60_000;

/** A server that runs. */
export interface LimitsServer extends Contender {
  readonly pid: number;
}

/**
 * @param main the program: of the package, or of the checkout
 * @param folder an existing folder; the data are in `data` below it
 * @param section fields of the section `grasp` beside its domain, port and folder
 */
export async function limitsServer(
  main: string,
  folder: string,
  section: Record<string, unknown> = {},
): Promise<LimitsServer> {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "config.json");
  const grasp = {
    domain: HOST,
    listen: { port: 0 },
    dataDirectory: dataOf(folder),
    sync: { enabled: false },
    ...section,
  };
  writeFileSync(config, JSON.stringify({ grasp }));
  let program: RunningProgram | null = null;
  const running = () => {
    if (program === null) throw new Error("the server does not run");
    return program;
  };
  const server: LimitsServer = {
    name: "millrace",
    host: HOST,
    get url() {
      return running().url;
    },
    get pid() {
      return running().pid;
    },
    async start() {
      const began = performance.now();
      program = await startProgram({
        command: runtimes.node[0],
        args: [main, "serve", "--config", config],
        cwd: root,
        ready: /^millrace (?:[\w-]+ )?listening on (http:\S+)$/m,
        startTimeoutMs: START_TIMEOUT_MS,
        stopTimeoutMs: STOP_TIMEOUT_MS,
      });
      return performance.now() - began;
    },
    async stop() {
      await program?.stop();
      program = null;
    },
    repository: (owner, identifier) => `${running().url}/${toNpub(owner.key)}/${identifier}.git`,
    residentMiB: () => residentMiBOf(running().pid),
    processorMs: () => processorMsOf(running().pid),
  };
  return server;
}

/** The data directory of a server in a folder. */
export function dataOf(folder: string): string {
  return join(folder, "data");
}
