/**
 * The queue before the SQLite file: the writes of one turn of the event loop, which share one transaction, and all operations
 * that were refused because another program holds the file. Bounded in number, in size and in time.
 * @module
 */
import { setImmediate, setTimeout } from "node:timers";
import { isLocked } from "./sqlite-file.ts";

/** Maximum number of writes in one transaction, and of delayed reads that one turn runs. */
const MAX_GROUP = 1000;
/** Maximum number of queued reads, and of queued writes. */
const MAX_QUEUED = 20_000;
/** Maximum number of characters in the values of all queued writes. */
const MAX_QUEUED_CHARACTERS = 64 * 1024 ** 2;
/** First and longest pause before the file is tried again, in milliseconds; the pause doubles. */
const FIRST_PAUSE_MS = 1;
const MAX_PAUSE_MS = 20;

/** One write. */
export interface Write {
  key: string;
  /** Length of its value, as far as known. */
  characters: number;
  /** Runs inside the transaction of its group, and again if the transaction is repeated. */
  run(nowMs: number): unknown;
  /** Called with the result of `run` after the commit. */
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

interface Read {
  /** Settles the read. @throws only if the file is locked. */
  run(): void;
  reject(reason: unknown): void;
  endsMs: number;
}

type TimedWrite = Write & { endsMs: number };

export interface SqliteQueueOptions {
  /** How long an operation may wait, in milliseconds. */
  timeoutMs: number;
  /** Runs the writes in one transaction. @throws the error of SQLite, with nothing written. */
  commit(group: readonly Write[]): unknown[];
  /** Makes the error that an operation rejects with from the error of SQLite. */
  explain(cause: unknown): Error;
}

export class SqliteQueue {
  readonly #options: SqliteQueueOptions;
  readonly #reads: Read[] = [];
  readonly #writes: TimedWrite[] = [];
  /** The keys of the queued writes, and possibly of some that are committed. */
  readonly #keys = new Set<string>();
  #characters = 0;
  /** The timer of the next attempt; set only while the file is known to be locked. */
  #retry: NodeJS.Timeout | null = null;
  #pauseMs = FIRST_PAUSE_MS;
  #isScheduled = false;
  #onEmpty: (() => void)[] = [];

  constructor(options: SqliteQueueOptions) {
    this.#options = options;
  }

  /** Runs a read at once, or when the file is no longer locked. @throws what the read throws at once. */
  read<T>(run: () => T): T | Promise<T> {
    const { explain } = this.#options;
    if (this.#reads.length === 0) {
      try {
        return run();
      } catch (error) {
        if (!isLocked(error)) throw explain(error);
      }
    }
    if (this.#reads.length >= MAX_QUEUED) throw this.#tooMany();
    return new Promise<T>((resolve, reject) => {
      this.#reads.push({
        run() {
          try {
            resolve(run());
          } catch (error) {
            if (isLocked(error)) throw error;
            reject(explain(error));
          }
        },
        reject,
        endsMs: this.#endMs(),
      });
      this.#schedule();
    });
  }

  /** Adds a write to the group that is committed at the end of this turn. */
  write(write: Write): void {
    const characters = this.#characters + write.characters;
    if (this.#writes.length >= MAX_QUEUED || characters > MAX_QUEUED_CHARACTERS) {
      write.reject(this.#tooMany());
      return;
    }
    if (this.#writes.length === 0) this.#schedule();
    this.#writes.push(Object.assign(write, { endsMs: this.#endMs() }));
    this.#keys.add(write.key);
    this.#characters = characters;
    if (this.#writes.length === MAX_GROUP) this.flush();
  }

  /** Commits a queued write of this key, unless the file is known to be locked. */
  flushKey(key: string): void {
    if (this.#keys.has(key)) this.flush();
  }

  /** Runs queued operations, unless the file is known to be locked. The rest follows in later turns. */
  flush(): void {
    if (this.#retry !== null) return;
    const isRefused = this.#runReads() || this.#commitGroup();
    if (isRefused) this.#rejectOverdue();
    if (this.#reads.length + this.#writes.length === 0) {
      this.#pauseMs = FIRST_PAUSE_MS;
      for (const call of this.#onEmpty.splice(0)) call();
    } else if (isRefused) {
      this.#retryLater();
    } else {
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#schedule();
    }
  }

  /** Waits until the queue is empty: `timeoutMs` at most. */
  async end(): Promise<void> {
    this.flush();
    if (this.#reads.length + this.#writes.length === 0) return;
    await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  #endMs(): number {
    return performance.now() + this.#options.timeoutMs;
  }

  #tooMany(): Error {
    return this.#options.explain(new Error("database is locked, and too many operations are queued"));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.flush();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, MAX_PAUSE_MS);
  }

  /** Removes the first writes. */
  #removeWrites(count: number): TimedWrite[] {
    const removed = this.#writes.splice(0, count);
    for (const write of removed) this.#characters -= write.characters;
    if (this.#writes.length === 0) this.#keys.clear();
    return removed;
  }

  /** Commits the first group. @returns whether the file is locked. */
  #commitGroup(): boolean {
    const { commit, explain } = this.#options;
    if (this.#writes.length === 0) return false;
    const group = this.#writes.length <= MAX_GROUP ? this.#writes : this.#writes.slice(0, MAX_GROUP);
    let results: unknown[];
    try {
      results = commit(group);
    } catch (error) {
      if (isLocked(error)) return true;
      const reason = explain(error);
      for (const { reject } of this.#removeWrites(group.length)) reject(reason);
      return false;
    }
    const written = this.#removeWrites(group.length);
    for (let i = 0; i < written.length; i++) written[i]!.resolve(results[i]);
    return false;
  }

  /** Runs the first queued reads. @returns whether the file is locked. */
  #runReads(): boolean {
    let done = 0;
    try {
      for (; done < Math.min(this.#reads.length, MAX_GROUP); done++) this.#reads[done]!.run();
      return false;
    } catch {
      return true;
    } finally {
      this.#reads.splice(0, done);
    }
  }

  #rejectOverdue(): void {
    const nowMs = performance.now();
    const reason = this.#options.explain(new Error("database is locked"));
    for (const { reject } of this.#reads.splice(0, overdueOf(this.#reads, nowMs))) reject(reason);
    for (const { reject } of this.#removeWrites(overdueOf(this.#writes, nowMs))) reject(reason);
  }
}

/** How many operations, from the first on, have reached their timeout. */
function overdueOf(all: readonly { endsMs: number }[], nowMs: number): number {
  const first = all.findIndex(({ endsMs }) => endsMs > nowMs);
  return first === -1 ? all.length : first;
}
