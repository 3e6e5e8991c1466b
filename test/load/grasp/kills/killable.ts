/**
 * A GRASP server that kills itself at a step, or is killed, and is started again on the same data.
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HOST } from "../../../support/grasp-server.ts";
import { type ProcessRuntime, root, runtimes } from "../../../support/spawn.ts";
import { type RunningProgram, startProgram } from "../../../support/start-program.ts";

/** A start looks at everything that waits, and many kills leave much. */
const START_TIMEOUT_MS = 180_000;
const KILL_POINTS = `${root}test/support/kill-points.ts`;

export class KillableServer {
  readonly folder = mkdtempSync(join(tmpdir(), "millrace-kills-"));
  readonly data = join(this.folder, "data");
  readonly #steps = join(this.folder, "steps");
  readonly #runtime: ProcessRuntime;
  #program: RunningProgram | null = null;

  constructor(runtime: ProcessRuntime = "node") {
    this.#runtime = runtime;
    const grasp = { domain: HOST, listen: { port: 0 }, dataDirectory: this.data, sync: { enabled: false } };
    writeFileSync(join(this.folder, "config.json"), JSON.stringify({ grasp }));
  }

  get program(): RunningProgram {
    if (this.#program === null) throw new Error("the server does not run");
    return this.#program;
  }

  get url(): string {
    return this.program.url;
  }

  /** Starts it. @throws {Error} if it ends before it is ready. */
  async start(): Promise<void> {
    this.#program = await this.#launch(this.#runtime, [], {});
  }

  /**
   * Starts it on Node with its steps noted.
   * @param killAt number of the step before which it kills itself, from 1; `null`: it lives
   * @returns whether it was ready before its end
   */
  async startCounted(killAt: number | null): Promise<boolean> {
    writeFileSync(this.#steps, "");
    const env = {
      TEST_STEPS_FILE: this.#steps,
      ...(killAt === null ? {} : { TEST_KILL_AT: String(killAt) }),
    };
    try {
      this.#program = await this.#launch("node", ["--import", KILL_POINTS], env);
      return true;
    } catch (error) {
      if (!this.wasKilledAt(killAt)) throw error;
      return false;
    }
  }

  /** The steps of the last counted run so far. */
  steps(): string[] {
    return readFileSync(this.#steps, "utf8").split("\n").slice(0, -1);
  }

  /** Whether the last counted run came to a step. */
  wasKilledAt(step: number | null): boolean {
    return step !== null && this.steps().length >= step;
  }

  /** Kills it. */
  async kill(): Promise<void> {
    await this.#program?.stop("SIGKILL");
  }

  /** Ends it and deletes its folder. */
  async discard(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #launch(
    runtime: ProcessRuntime,
    more: readonly string[],
    env: Record<string, string>,
  ): Promise<RunningProgram> {
    const [command, ...first] = runtimes[runtime];
    const serve = ["worker/cli/main.ts", "serve", "--config", join(this.folder, "config.json")];
    return startProgram({
      command,
      args: [...first, ...more, ...serve],
      cwd: root,
      env,
      ready: /listening on (http:\S+)/,
      startTimeoutMs: START_TIMEOUT_MS,
    });
  }
}
