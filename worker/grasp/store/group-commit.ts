/**
 * Transactions of one turn of the event loop share one commit, so that many connections wait for the disk once. Each is
 * acknowledged after that commit, and one that throws takes back its own changes only.
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import type { StoreChanges } from "../../../runtime/grasp/ports.ts";
import type { Clock } from "../../../runtime/platform.ts";

/** Largest number of transactions in one commit. */
const MAX_GROUP = 256;
/** How long a write waits for another process that holds the file, in milliseconds, and how often it tries. */
const BUSY_MS = 5000;
const BUSY_PAUSE_MS = 10;

/** One transaction. */
interface Work {
  /** Makes the changes. @throws what the work throws */
  run(): void;
  /** Called after the commit. */
  done(): void;
  fail(error: unknown): void;
}

/** The file's one writer. */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #changes: StoreChanges;
  readonly #clock: Pick<Clock, "now" | "after">;
  readonly #waiting: Work[] = [];
  #isScheduled = false;
  /** When the file was first found locked, in milliseconds; `null`: it is not. */
  #lockedSinceMs: number | null = null;
  #onEmpty: (() => void)[] = [];

  constructor(parts: {
    readonly database: DatabaseSync;
    readonly changes: StoreChanges;
    readonly clock: Pick<Clock, "now" | "after">;
  }) {
    this.#database = parts.database;
    this.#changes = parts.changes;
    this.#clock = parts.clock;
  }

  /** Runs changes with others of this turn. They are on the disk when the promise resolves. */
  run<T>(work: (changes: StoreChanges) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.#waiting.push({
        run: () => {
          result = work(this.#changes);
        },
        done: () => resolve(result),
        fail: reject,
      });
      this.#schedule();
    });
  }

  /** Waits until nothing waits. */
  async end(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    if (this.#begin()) this.#commit(this.#waiting.splice(0, MAX_GROUP));
    if (this.#waiting.length > 0) {
      if (this.#lockedSinceMs === null) this.#schedule();
      return;
    }
    for (const call of this.#onEmpty.splice(0)) call();
  }

  /** Begins a transaction. While another process writes, it is tried again by a timer and never waits inside SQLite (O36). */
  #begin(): boolean {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      this.#lockedSinceMs = null;
      return true;
    } catch (error) {
      const nowMs = this.#clock.now();
      this.#lockedSinceMs ??= nowMs;
      if (/database is locked/.test(String(error)) && nowMs - this.#lockedSinceMs < BUSY_MS) {
        this.#isScheduled = true;
        this.#clock.after(BUSY_PAUSE_MS, () => this.#turn());
        return false;
      }
      this.#lockedSinceMs = null;
      for (const { fail } of this.#waiting.splice(0)) fail(error);
      return false;
    }
  }

  #commit(group: readonly Work[]): void {
    const failed = new Map<Work, unknown>();
    try {
      for (const work of group) {
        this.#database.exec("SAVEPOINT work");
        try {
          work.run();
        } catch (error) {
          failed.set(work, error);
          this.#database.exec("ROLLBACK TO work");
        }
        this.#database.exec("RELEASE work");
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#rollBack();
      // The last first: each takes back in memory what it did on top of those before it.
      for (const work of [...group].reverse()) work.fail(failed.get(work) ?? error);
      return;
    }
    for (const work of group) {
      if (failed.has(work)) work.fail(failed.get(work));
      else work.done();
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite rolls back by itself where the disk is full.
    }
  }
}
