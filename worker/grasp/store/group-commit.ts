/**
 * Transactions that arrive while the disk writes share the next commit, so that many connections wait for the disk once. Each is
 * acknowledged when its commit is on the disk, and one that throws takes back its own changes only. The disk is waited for beside the
 * event loop.
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import type { StoreChanges } from "../../../runtime/grasp/ports.ts";
import type { Clock } from "../../../runtime/platform.ts";

/** Largest number of transactions in one commit. */
const MAX_GROUP = 256;
/**
 * Number of transactions with which a commit begins at once, as it does with one. Between them, it is delayed by a turn of the event loop
 * after each turn that brought more: each commit writes the last pages of all indexes again.
 */
const ENOUGH = 10;
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

/** What {@link GroupCommit} works with. */
export interface GroupCommitParts {
  readonly database: DatabaseSync;
  readonly changes: StoreChanges;
  readonly clock: Pick<Clock, "now" | "after">;
  /** Writes what is committed to the disk. Default: a commit does it. */
  readonly sync?: () => Promise<void>;
}

/** The file's one writer. */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #changes: StoreChanges;
  readonly #clock: Pick<Clock, "now" | "after">;
  readonly #sync: (() => Promise<void>) | undefined;
  readonly #waiting: Work[] = [];
  #commits = 0;
  #isScheduled = false;
  /** Number of transactions that waited in the turn before. */
  #waitedBefore = 0;
  /** Whether a commit is on its way to the disk. */
  #isSyncing = false;
  #onSynced: (() => void)[] = [];
  /** Why the disk did not take a commit; `null`: it took all. What the file has then is not known, so that nothing more is written. */
  #lost: { readonly error: unknown } | null = null;
  /** When the file was first found locked, in milliseconds; `null`: it is not. */
  #lockedSinceMs: number | null = null;
  #onEmpty: (() => void)[] = [];

  constructor({ database, changes, clock, sync }: GroupCommitParts) {
    this.#database = database;
    this.#changes = changes;
    this.#clock = clock;
    this.#sync = sync;
  }

  /** The number of commits. */
  get commits(): number {
    return this.#commits;
  }

  /** Waits until all that can be read is on the disk, and those who wrote it were told. */
  written(): Promise<void> {
    return this.#isSyncing ? new Promise((resolve) => this.#onSynced.push(resolve)) : Promise.resolve();
  }

  /** Runs changes with others of this turn. They are on the disk when the promise resolves. */
  run<T>(work: (changes: StoreChanges) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#lost !== null) return reject(this.#lost.error);
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
    if (this.#waiting.length > 0 || this.#isSyncing)
      await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isSyncing) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    const before = this.#waitedBefore;
    const { length } = this.#waiting;
    const isGrowing = length > Math.max(before, 1) && length < ENOUGH;
    this.#waitedBefore = isGrowing ? length : 0;
    if (isGrowing) {
      this.#schedule();
      return;
    }
    if (length > 0 && this.#begin()) this.#commit(this.#waiting.splice(0, MAX_GROUP));
    this.#next();
  }

  #next(): void {
    if (this.#isSyncing) return;
    if (this.#waiting.length === 0) for (const call of this.#onEmpty.splice(0)) call();
    else if (this.#lockedSinceMs === null) this.#schedule();
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
      failAll(group, (work) => failed.get(work) ?? error);
      return;
    }
    this.#commits++;
    if (this.#sync === undefined) acknowledge(group, failed);
    else void this.#awaitDisk(this.#sync(), group, failed);
  }

  async #awaitDisk(
    synced: Promise<void>,
    group: readonly Work[],
    failed: ReadonlyMap<Work, unknown>,
  ): Promise<void> {
    this.#isSyncing = true;
    try {
      await synced;
      acknowledge(group, failed);
    } catch (error) {
      this.#lost = { error };
      failAll(group, (work) => failed.get(work) ?? error);
      failAll(this.#waiting.splice(0), () => error);
    }
    // After what the acknowledged do at once, such as telling subscribers.
    setImmediate(() => this.#synced());
  }

  /** Those who wait for the disk go on before the next commit. */
  #synced(): void {
    this.#isSyncing = false;
    for (const call of this.#onSynced.splice(0)) call();
    this.#next();
  }

  #rollBack(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite rolls back by itself where the disk is full.
    }
  }
}

/** The last first: each takes back in memory what it did on top of those before it. */
function failAll(group: readonly Work[], errorOf: (work: Work) => unknown): void {
  for (const work of [...group].reverse()) work.fail(errorOf(work));
}

function acknowledge(group: readonly Work[], failed: ReadonlyMap<Work, unknown>): void {
  for (const work of group) {
    if (failed.has(work)) work.fail(failed.get(work));
    else work.done();
  }
}
