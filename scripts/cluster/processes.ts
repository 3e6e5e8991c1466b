/**
 * The millrace processes of the cluster: started, and started again when they end.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Behind } from "./balancer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** One that ended is started again after so long, in milliseconds. */
export const RESTART_MS = 3000;
/** How long one may take to start, and to end, in milliseconds. */
const PATIENCE_MS = 20_000;

/** One process. */
export interface Member extends Behind {
  readonly pid: number | undefined;
  /** Ends it for good. */
  stop(): Promise<void>;
}

/**
 * Starts one and keeps it running.
 * @param say is told what it says, and what becomes of it.
 * @throws {Error} if it does not come to listen at first.
 */
export async function startMember(
  name: string,
  config: string,
  say: (text: string) => void,
): Promise<Member> {
  let child: ChildProcess;
  let stopped = false;
  let restart: NodeJS.Timeout | undefined;
  const member = {
    name,
    url: null as string | null,
    get pid() {
      return child.pid;
    },
    async stop() {
      stopped = true;
      clearTimeout(restart);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
      await ended;
      clearTimeout(timer);
    },
  };

  async function start(): Promise<void> {
    child = spawn(process.execPath, ["worker/cli/main.ts", "serve", "--config", config], {
      cwd: root,
      env: { ...process.env, MILLRACE_LOG: "warn" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) if (line !== "") say(`${name}: ${line}`);
    });
    child.on("exit", (_code, signal) => {
      const wasUp = member.url !== null;
      member.url = null;
      if (stopped || !wasUp) return;
      say(`${name} ended${signal === null ? "" : ` by ${signal}`}; it comes back in ${RESTART_MS / 1000} s`);
      restart = setTimeout(() => start().catch((error) => say(error.message)), RESTART_MS);
    });
    const timeout = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    const [output] = await Promise.race([
      once(child.stdout!.setEncoding("utf8"), "data"),
      once(child, "exit").then(() => [""]),
    ]);
    clearTimeout(timeout);
    member.url = /http:\S+/.exec(output)?.[0] ?? null;
    if (member.url === null) throw new Error(`${name} does not come to listen`);
    say(`${name} listens on ${member.url}, process id ${child.pid}`);
  }

  try {
    await start();
    return member;
  } catch (error) {
    await member.stop();
    throw error;
  }
}
