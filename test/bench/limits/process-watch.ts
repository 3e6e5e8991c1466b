/**
 * Watches how many processes a server has started and not ended, on a thread of its own: the clients of a storm hold up this one.
 * @module
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { childrenOf } from "../../support/process-figures.ts";

const EVERY_MS = 1;

/** A watch over a server's processes. */
export interface ProcessWatch {
  /** Most processes at the same time so far. */
  readonly highest: number;
  end(): Promise<void>;
}

/** Begins to watch. @param pid of the server */
export async function watchProcesses(pid: number): Promise<ProcessWatch> {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL(import.meta.url), { workerData: { pid, shared } });
  await new Promise((resolve, reject) => worker.once("online", resolve).once("error", reject));
  return {
    get highest() {
      return Atomics.load(shared, 0);
    },
    async end() {
      Atomics.store(shared, 1, 1);
      Atomics.notify(shared, 1);
      await worker.terminate();
    },
  };
}

if (!isMainThread && workerData?.shared instanceof Int32Array) {
  const { pid, shared } = workerData as { pid: number; shared: Int32Array };
  while (Atomics.wait(shared, 1, 0, EVERY_MS) === "timed-out") {
    try {
      Atomics.store(shared, 0, Math.max(Atomics.load(shared, 0), childrenOf(pid)));
    } catch {
      // A thread of the server ended while it was looked at.
    }
  }
}
