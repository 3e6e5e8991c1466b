/**
 * Empties the write-ahead log of a SQLite database on a separate thread.
 *
 * Moving the log into the file (a checkpoint) waits for the disk. By default SQLite does it inside a commit, which would
 * block the process. The log also keeps deleted and replaced content until it is truncated; the file does not
 * (`secure_delete`).
 * @module
 */
import { statSync } from "node:fs";
import { clearTimeout, setTimeout } from "node:timers";
import type { Worker } from "node:worker_threads";

/** Size at which the log is moved, in bytes. Measured: writes cost about half of what they cost at SQLite's default of 4 MiB. */
const MAX_LOG_BYTES = 16 * 1024 ** 2;
/** Small commits between two checks of the size of the log. */
const COMMITS_PER_LOOK = 16;
/** Writes of a commit after which the size is checked at once. */
const BIG_COMMIT = 64;
/** Time from a commit until the log is emptied, in milliseconds; more only while another program reads or writes. */
const EMPTIED_AFTER_MS = 1000;
/** Timeout for the end of the thread, in milliseconds. */
const END_TIMEOUT_MS = 1000;

/** Attempts of the thread to truncate the log before it answers, and the pause between them, in milliseconds. */
const TRIES = 100;
const PAUSE_MS = 2;

/**
 * The code of the thread. It answers `true` if the log is empty. `PASSIVE` moves most of the log without blocking writers;
 * `TRUNCATE` blocks them only while it moves the rest. SQLite has no timeout here: it would block writers while it waits for a
 * reader. A string and not a file, because a bundle is one file.
 */
const THREAD = `
const { parentPort, workerData } = require("node:worker_threads");
const { DatabaseSync } = require("node:sqlite");
const db = new DatabaseSync(workerData.file, { timeout: 0 });
parentPort.on("message", (message) => {
  if (message === "end") {
    db.close();
    parentPort.postMessage("ended");
    return;
  }
  let isEmpty = false;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let left = workerData.tries; left > 0 && !isEmpty; left--) {
    try {
      db.exec("PRAGMA wal_checkpoint(PASSIVE)");
      isEmpty = db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get().busy === 0;
    } catch {}
    if (!isEmpty) Atomics.wait(pause, 0, 0, workerData.pauseMs);
  }
  parentPort.postMessage(isEmpty);
});`;

/** Keeps the log of one open database short, and free of deleted content. Its thread starts when it is needed. */
export class LogKeeper {
  readonly #file: string;
  #starting: Promise<Worker> | null = null;
  #thread: Worker | null = null;
  #isWorking = false;
  #timer: NodeJS.Timeout | null = null;
  #commits = 0;
  #isClosed = false;

  constructor(file: string) {
    this.#file = file;
    // A process that was killed may have left a log.
    if (this.#logBytes() > 0) this.#emptyLater();
  }

  /** Call after each commit. @param writes number of writes in it. */
  committed(writes: number): void {
    this.#emptyLater();
    if (writes < BIG_COMMIT && ++this.#commits % COMMITS_PER_LOOK !== 0) return;
    if (!this.#isWorking && this.#logBytes() > MAX_LOG_BYTES) this.#empty();
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#starting?.catch(() => {});
    const thread = this.#thread;
    if (thread === null) return;
    await new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, END_TIMEOUT_MS);
      thread.on("message", (message) => {
        if (message !== "ended") return;
        clearTimeout(timeout);
        resolve();
      });
      thread.postMessage("end");
    });
    await thread.terminate();
  }

  #logBytes(): number {
    return statSync(`${this.#file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  #emptyLater(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#empty();
    }, EMPTIED_AFTER_MS);
    this.#timer.unref();
  }

  #empty(): void {
    if (this.#isWorking) {
      this.#emptyLater();
      return;
    }
    this.#isWorking = true;
    this.#starting ??= this.#start();
    this.#starting.then(
      (started) => started.postMessage("empty"),
      () => {
        this.#starting = null;
        this.#isWorking = false;
      },
    );
  }

  async #start(): Promise<Worker> {
    const { Worker } = await import("node:worker_threads");
    const started = new Worker(THREAD, {
      eval: true,
      workerData: { file: this.#file, tries: TRIES, pauseMs: PAUSE_MS },
    });
    // Without the thread, a commit moves the log as the last resort.
    const lost = () => {
      if (this.#thread === started) this.#thread = null;
      this.#starting = null;
      this.#isWorking = false;
    };
    started.on("error", lost);
    started.on("exit", lost);
    started.on("message", (answer: unknown) => {
      this.#isWorking = false;
      if (answer === false) this.#emptyLater();
    });
    // After the listeners: adding one would keep the process alive again.
    started.unref();
    this.#thread = started;
    return started;
  }
}
