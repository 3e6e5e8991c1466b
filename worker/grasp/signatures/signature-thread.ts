/**
 * A thread that checks batches of signatures. It starts when it is first needed, and again after it broke.
 * @module
 */
import { Buffer } from "node:buffer";
import type { Worker } from "node:worker_threads";
import type { Batches, Signed } from "./signature-batches.ts";

/** Bytes of an id, a key and a signature. */
const SIZE = 128;

/**
 * The code of the thread: bytes in, one byte a signature out. A text and not a file, because a bundle is one file.
 */
const THREAD = `
const { parentPort, workerData } = require("node:worker_threads");
const loading = import(workerData.library);
parentPort.on("message", async (bytes) => {
  const { verifySchnorr } = await loading;
  const results = new Uint8Array(bytes.length / ${SIZE});
  for (let i = 0; i < results.length; i++) {
    const at = i * ${SIZE};
    const part = (from, to) => bytes.subarray(at + from, at + to);
    try {
      results[i] = verifySchnorr(part(0, 32), part(32, 64), part(64, ${SIZE})) ? 1 : 0;
    } catch {}
  }
  parentPort.postMessage(results);
});`;

/** One batch that is out. */
interface Out {
  resolve(results: readonly boolean[]): void;
  reject(error: unknown): void;
}

export class SignatureThread implements Batches {
  #starting: Promise<Worker> | null = null;
  readonly #out: Out[] = [];

  async check(batch: readonly Signed[]): Promise<readonly boolean[]> {
    this.#starting ??= this.#start();
    const thread = await this.#starting;
    const bytes = bytesOf(batch);
    return new Promise((resolve, reject) => {
      this.#out.push({ resolve, reject });
      thread.postMessage(bytes, [bytes.buffer]);
    });
  }

  async close(): Promise<void> {
    const starting = this.#starting;
    this.#starting = null;
    await (await starting?.catch(() => null))?.terminate();
  }

  async #start(): Promise<Worker> {
    const { Worker } = await import("node:worker_threads");
    // The thread has no file of its own from which the library could be found.
    const library = import.meta.resolve("tiny-secp256k1");
    const thread = new Worker(THREAD, { eval: true, workerData: { library } });
    const lost = (error: unknown) => {
      this.#starting = null;
      for (const { reject } of this.#out.splice(0)) reject(error);
    };
    thread.on("error", lost);
    thread.on("exit", () => lost(new Error("the thread for signatures ended")));
    thread.on("message", (results: Uint8Array) =>
      this.#out.shift()?.resolve(Array.from(results, (result) => result === 1)),
    );
    // After the listeners: adding one would keep the process alive again.
    thread.unref();
    return thread;
  }
}

function bytesOf(batch: readonly Signed[]): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(batch.length * SIZE);
  let at = 0;
  for (const { id, pubkey, sig } of batch)
    for (const hex of [id, pubkey, sig]) at += bytes.write(hex, at, "hex");
  return bytes;
}
