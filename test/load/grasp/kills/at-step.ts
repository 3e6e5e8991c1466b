/**
 * Kills a server at one step of one action in a repository's life, starts it again, compares it with what it acknowledged, and lets the
 * client do the action again.
 * @module
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KillableServer } from "./killable.ts";
import { type Counts, Ledger } from "./ledger.ts";
import { type Action, lifeOf } from "./life.ts";

/** What became of one kill. */
export interface KillResult {
  readonly step: Step;
  readonly counts: Counts;
  /** What is wrong: nothing, if all is well. */
  readonly findings: readonly string[];
}

/** A step of the server during one action. */
export interface Step {
  /** Its number since the server's start, from 1. */
  readonly number: number;
  readonly label: string;
  readonly moment: Moment;
}

/** The moment before an action. */
interface Moment {
  readonly action: Action;
  /** A copy of the server's data. */
  readonly data: string;
  readonly ledger: Ledger;
}

/** A life that was lived once, so that its moments can be repeated. */
export class LivedLife {
  readonly steps: readonly Step[];
  readonly #folder: string;

  constructor(folder: string, steps: readonly Step[]) {
    this.#folder = folder;
    this.steps = steps;
  }

  discard(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs a life without interruption, with a new start of the server before each action. */
export async function liveOnce(): Promise<LivedLife> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-life-"));
  const server = new KillableServer();
  const ledger = new Ledger();
  const steps: Step[] = [];
  try {
    mkdirSync(server.data);
    for (const [index, action] of lifeOf(folder).entries()) {
      await server.kill();
      const moment = { action, data: join(folder, `data-${index}`), ledger: ledger.copy() };
      cpSync(server.data, moment.data, { recursive: true });
      await server.startCounted(null);
      const before = index === 0 ? 0 : server.steps().length;
      await action.run(server.url, ledger);
      const labels = server.steps().slice(before);
      steps.push(...labels.map((label, at) => ({ number: before + at + 1, label, moment })));
    }
  } finally {
    await server.discard();
  }
  return new LivedLife(folder, steps);
}

/**
 * @param again number of the step of the next start at which the server is killed once more; `null`: it is not
 */
export async function killAtStep(step: Step, again: number | null = null): Promise<KillResult> {
  const { action, data } = step.moment;
  const server = new KillableServer();
  const ledger = step.moment.ledger.copy();
  const findings: string[] = [];
  try {
    cpSync(data, server.data, { recursive: true });
    if (await server.startCounted(step.number)) {
      const error = await action.run(server.url, ledger).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error !== null && !server.wasKilledAt(step.number)) throw error;
    }
    await server.kill();
    if (again !== null) {
      await server.startCounted(again);
      await server.kill();
    }
    await server.start();
    findings.push(...(await ledger.check(server.url, server.data)));
    await action.run(server.url, ledger);
    findings.push(...(await ledger.check(server.url, server.data)).map((text) => `done again: ${text}`));
  } catch (error) {
    findings.push(String(error));
  } finally {
    await server.discard();
  }
  return { step, counts: ledger.counts, findings };
}
