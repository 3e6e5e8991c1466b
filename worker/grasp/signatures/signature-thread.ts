/**
 * A thread that checks batches of signatures. It starts when it is first needed, and again after it broke.
 * @module
 */
import { Buffer } from "node:buffer";
import type { Worker } from "node:worker_threads";
import { SIGNED_BYTES, schnorrModule } from "../../../wasm/schnorr.ts";
import { type Batches, type Signed, writeSigned } from "./signature-batches.ts";

/**
 * The code of the thread: bytes in, one byte a signature out. A text and not a file, because a bundle is one file.
 */
const THREAD = `
const { parentPort, workerData } = require("node:worker_threads");
const { memory, input_at, verify } = new WebAssembly.Instance(new WebAssembly.Module(workerData)).exports;
const input = new Uint8Array(memory.buffer, input_at(), ${SIGNED_BYTES});
parentPort.on("message", (bytes) => {
  const results = new Uint8Array(bytes.length / ${SIGNED_BYTES});
  for (let i = 0; i < results.length; i++) {
    input.set(bytes.subarray(i * ${SIGNED_BYTES}, (i + 1) * ${SIGNED_BYTES}));
    results[i] = verify();
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
    const thread = new Worker(THREAD, { eval: true, workerData: schnorrModule() });
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

/** @throws {Error} if one of them is not hex */
function bytesOf(batch: readonly Signed[]): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(batch.length * SIGNED_BYTES);
  for (const [index, event] of batch.entries())
    if (!writeSigned(event, bytes, index * SIGNED_BYTES)) throw new Error("an event is not hex");
  return bytes;
}
