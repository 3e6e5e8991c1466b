/**
 * The server of a soak: it has one address and one data directory over all of its lives. What it leaves behind is looked for from
 * outside.
 * @module
 */
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import getPort from "get-port";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { type ProcessRuntime, root, runtimes } from "../../../support/spawn.ts";
import { type RunningProgram, startProgram } from "../../../support/start-program.ts";
import type { Sample } from "../../soak/monitor.ts";
import type { Stored } from "./ledger.ts";

const MONITOR = new URL("../../soak/monitor.ts", import.meta.url).pathname;
/** A start looks at everything that waits, beside load. */
const START_TIMEOUT_MS = 120_000;
/** A stop may wait 60 s for pushes (O21). */
const STOP_TIMEOUT_MS = 90_000;
/** Unit of times in /proc, in milliseconds. */
const TICK_MS = 10;
/** SIGKILL in the mask of waiting signals. */
const KILL_BIT = 1n << 8n;

export class SoakServer {
  /** Host and port, the same in each life. */
  readonly host: string;
  readonly data: string;
  readonly config: string;
  readonly runtime: ProcessRuntime;
  readonly #folder: string;
  #program: RunningProgram | null = null;

  private constructor(runtime: ProcessRuntime, folder: string, port: number) {
    this.runtime = runtime;
    this.#folder = folder;
    this.host = `127.0.0.1:${port}`;
    this.data = join(folder, "data");
    this.config = join(folder, "config.json");
    writeFileSync(this.#samples, "");
  }

  /** @param folder an empty one */
  static async in(runtime: ProcessRuntime, folder: string): Promise<SoakServer> {
    return new SoakServer(runtime, folder, await getPort());
  }

  get #samples(): string {
    return join(this.#folder, "samples");
  }

  get program(): RunningProgram {
    if (this.#program === null) throw new Error("the server does not run");
    return this.#program;
  }

  /** Writes its configuration. @param relays that it follows from its start */
  configure(relays: readonly string[]): void {
    const grasp = {
      domain: this.host,
      listen: { port: Number(this.host.split(":")[1]) },
      dataDirectory: this.data,
      allowInsecureServers: true,
      allowLoopbackServers: true,
      minFreeBytes: 0,
      sync: { baseBackoffSeconds: 1, maxBackoffSeconds: 4, bootstrap: relays },
    };
    writeFileSync(this.config, JSON.stringify({ grasp }));
  }

  async start(): Promise<void> {
    const [command, ...first] = runtimes[this.runtime];
    const preload = this.runtime === "node" ? "--import" : "--preload";
    this.#program = await startProgram({
      command: command!,
      args: [...first, preload, MONITOR, "worker/cli/main.ts", "serve", "--config", this.config],
      cwd: root,
      env: { SOAK_SAMPLES: this.#samples, MILLRACE_LOG: "warn" },
      ready: /listening on (http:\S+)/,
      startTimeoutMs: START_TIMEOUT_MS,
      stopTimeoutMs: STOP_TIMEOUT_MS,
    });
  }

  samples(): Sample[] {
    const lines = readFileSync(this.#samples, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Sample);
  }

  /** Number of file handles that the process has open. */
  handles(): number {
    return readdirSync(`/proc/${this.program.pid}/fd`).length;
  }

  /**
   * What is left on the disk and in the machine after the server ended well.
   * @param lastKillMs when it was killed last, since the epoch: what a killed server had started may wait for a silent host, for 10
   *   minutes at most.
   */
  leftovers(lastKillMs: number): string[] {
    const left: string[] = [];
    const in_ = (folder: string) => {
      const path = join(this.data, folder);
      return existsSync(path) ? (readdirSync(path, { recursive: true }) as string[]) : [];
    };
    for (const name of in_("quarantine")) left.push(`quarantine/${name}`);
    for (const name of in_("git")) if (/\.lock$|\/tmp_[^/]*$|\.keep$/.test(name)) left.push(`git/${name}`);
    if (existsSync(join(this.data, "control.json"))) left.push("control.json");
    for (const command of processesIn(this.data, lastKillMs)) left.push(`the process "${command}"`);
    return left;
  }

  /** Reads the database of a server that has ended. */
  stored(): { stored: Stored; faults: string[] } {
    const database = new DatabaseSync(join(this.data, "grasp.db"), { readOnly: true });
    try {
      const texts = (sql: string) =>
        database
          .prepare(sql)
          .all()
          .map((row) => String(Object.values(row)[0]));
      const faults = texts("PRAGMA integrity_check").filter((text) => text !== "ok");
      if (texts("SELECT id FROM intent").length > 0) faults.push("an intent is left (N13)");
      const events = texts("SELECT json FROM event").map((json) => JSON.parse(json) as NostrEvent);
      const waiting = texts("SELECT entry FROM journal").map((json) => JSON.parse(json).event?.id as string);
      return {
        stored: { served: new Map(events.map((event) => [event.id, event])), waiting: new Set(waiting) },
        faults,
      };
    } finally {
      database.close();
    }
  }

  /** Ends it, if it runs. */
  async discard(): Promise<void> {
    await this.#program?.stop("SIGKILL");
  }
}

/** The command lines of processes that work in a folder and began after a moment: what a server started and left. */
function processesIn(folder: string, sinceMs: number): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      const isOurs = readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) || command.includes(folder);
      const isNew = startedMs(pid) > sinceMs;
      return isOurs && isNew && !isKilled(pid) ? [command] : [];
    } catch {
      return [];
    }
  });
}

/** When a process began, in milliseconds since the epoch, as exact as the system's start is known: to a second. */
function startedMs(pid: string): number {
  const bootSeconds = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))![1]);
  // The name of the program, which may have spaces, ends with a bracket; the 20th field after it is the start.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return bootSeconds * 1000 + Number(fields[19]) * TICK_MS;
}

/** Whether a process is about to end: it has ended, or SIGKILL waits for it. */
function isKilled(pid: string): boolean {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  if (/^State:\s+[ZX]/m.test(status)) return true;
  const pending = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)$/gm)];
  return pending.some(([, mask = "0"]) => (BigInt(`0x${mask}`) & KILL_BIT) !== 0n);
}
