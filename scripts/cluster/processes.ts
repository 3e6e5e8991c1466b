/**
 * The millrace processes of the cluster; one that ends is started again.
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type RunningProgram, startProgram } from "../../test/support/start-program.ts";
import type { Backend } from "./balancer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Delay before a process that ended is started again, in milliseconds. */
export const RESTART_MS = 3000;
/** Timeout of a start and of a stop, in milliseconds. */
const TIMEOUT_MS = 20_000;

/** One process. */
export interface Member extends Backend {
  readonly pid: number | undefined;
  /** Ends the process and does not start it again. */
  stop(): Promise<void>;
}

/**
 * Starts a process and keeps it running.
 * @param log receives the lines of its log, and its starts and ends.
 * @throws {Error} if the first start fails.
 */
export async function startMember(
  name: string,
  config: string,
  log: (text: string) => void,
): Promise<Member> {
  let program: RunningProgram | undefined;
  let stopped = false;
  let restart: NodeJS.Timeout | undefined;
  const member = {
    name,
    url: null as string | null,
    get pid() {
      return program?.pid;
    },
    async stop() {
      stopped = true;
      clearTimeout(restart);
      await program?.stop();
    },
  };

  async function start(): Promise<void> {
    program = await startProgram({
      command: process.execPath,
      args: ["worker/cli/main.ts", "serve", "--config", config],
      cwd: root,
      env: { MILLRACE_LOG: "warn" },
      ready: /listening on (http:\S+)/,
      startTimeoutMs: TIMEOUT_MS,
      stopTimeoutMs: TIMEOUT_MS,
      onLogLine: (line) => log(`${name}: ${line}`),
    });
    if (stopped) {
      await program.stop();
      return;
    }
    member.url = program.url;
    log(`${name} listens on ${program.url}, process id ${program.pid}`);
    void program.ended.then(({ signal }) => {
      member.url = null;
      if (stopped) return;
      log(`${name} ended${signal === null ? "" : ` by ${signal}`}; restart in ${RESTART_MS / 1000} s`);
      restart = setTimeout(() => start().catch((error) => log(error.message)), RESTART_MS);
    });
  }

  await start();
  return member;
}
