/**
 * Empties a SQLite database's write-ahead log on a thread of its own.
 *
 * Moving the log into the file waits for the disk. Inside of a commit, where SQLite does it by default, the whole process
 * waits with it. Besides, the log keeps what was deleted or replaced until it is cut off; the file itself does not
 * (`secure_delete`).
 * @module
 */
import { statSync } from "node:fs";
import { clearTimeout, setTimeout } from "node:timers";
import type { Worker } from "node:worker_threads";

/**
 * The size at which the log is moved, in bytes. Measured: at 16 MiB writes cost about half of what they do at SQLite's own
 * 4 MiB.
 */
const MAX_LOG_BYTES = 16 * 1024 ** 2;
/** How many small commits there are between two looks at the log's size. */
const COMMITS_PER_LOOK = 16;
/** A commit of at least this many writes is looked at by itself. */
const BIG_COMMIT = 64;
/** How long after a commit the log is emptied, in milliseconds; later only where another program reads or writes. */
const EMPTIED_AFTER_MS = 1000;
/** How long the thread may take to end, in milliseconds. */
const END_PATIENCE_MS = 1000;

/** How often the thread tries to cut the log off before it answers, and the pause between, in milliseconds. */
const TRIES = 100;
const PAUSE_MS = 2;

/**
 * What the thread runs. It answers `true` if the log is empty. Most of the log is moved without a lock on writers
 * (`PASSIVE`); they are locked out only while the rest is moved and the log is cut off (`TRUNCATE`). SQLite does not wait for
 * that: it would keep writers out while it waits for a reader. A text and not a file: a bundle has no file beside it.
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

/** Keeps the log of one open database short, and free of what was deleted. */
export interface LogKeeper {
  /** Takes note of a commit. @param writes how many writes it had. */
  committed(writes: number): void;
  /** Ends the thread. */
  close(): Promise<void>;
}

/** Keeps the log of the database in `file`. Starts its thread when there is something to do. */
export function keepLog(file: string): LogKeeper {
  let starting: Promise<Worker> | null = null;
  let thread: Worker | null = null;
  let isWorking = false;
  let timer: NodeJS.Timeout | null = null;
  let commits = 0;
  let closed = false;

  function later(): void {
    if (closed) return;
    timer ??= setTimeout(() => {
      timer = null;
      empty();
    }, EMPTIED_AFTER_MS);
    timer.unref();
  }

  async function start(): Promise<Worker> {
    const { Worker } = await import("node:worker_threads");
    const started = new Worker(THREAD, {
      eval: true,
      workerData: { file, tries: TRIES, pauseMs: PAUSE_MS },
    });
    // Without the thread a commit moves the log as the last resort.
    const lost = () => {
      if (thread === started) thread = null;
      starting = null;
      isWorking = false;
    };
    started.on("error", lost);
    started.on("exit", lost);
    started.on("message", (answer: unknown) => {
      isWorking = false;
      if (answer === false) later();
    });
    // After the listeners: they would keep the process alive again.
    started.unref();
    thread = started;
    return started;
  }

  function empty(): void {
    if (isWorking) {
      later();
      return;
    }
    isWorking = true;
    starting ??= start();
    starting.then(
      (started) => started.postMessage("empty"),
      () => {
        starting = null;
        isWorking = false;
      },
    );
  }

  function logBytes(): number {
    return statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  // What a process that was killed has left there.
  if (logBytes() > 0) later();

  return {
    committed(writes) {
      later();
      if (writes < BIG_COMMIT && ++commits % COMMITS_PER_LOOK !== 0) return;
      if (!isWorking && logBytes() > MAX_LOG_BYTES) empty();
    },

    async close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await starting?.catch(() => {});
      const ending = thread;
      if (ending === null) return;
      await new Promise<void>((resolve) => {
        const patience = setTimeout(resolve, END_PATIENCE_MS);
        ending.on("message", (message) => {
          if (message !== "ended") return;
          clearTimeout(patience);
          resolve();
        });
        ending.postMessage("end");
      });
      await ending.terminate();
    },
  };
}
