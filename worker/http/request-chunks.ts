/**
 * The body of a request of `node:http`, chunk by chunk as the parser made them. A web stream of it would copy each of them, and the
 * copies' originals stay until the collector comes: a server would grow by much of what passes through it.
 * @module
 */
import type { IncomingMessage } from "node:http";

/** Where a body is read from; a reader of a web stream is one. */
export interface ChunkReader {
  /** The next chunk. @throws if the body breaks off */
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

/** Up to this size chunks are kept for a reader that is behind, in bytes. */
const QUEUE_BYTES = 64 * 1024;

export class RequestChunks implements ChunkReader {
  readonly #incoming: IncomingMessage;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #hasEnded = false;
  #fault: Error | null = null;
  /** Wakes the read that waits. */
  #wake = () => {};

  /** Takes over the body: it may not be read in another way. */
  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
    incoming.on("data", this.#take).on("end", this.#end).on("close", this.#close).on("error", this.#close);
    if (incoming.destroyed) this.#close();
  }

  async read(): Promise<{ done: boolean; value?: Uint8Array }> {
    for (;;) {
      const value = this.#queue.shift();
      if (value !== undefined) {
        this.#queued -= value.length;
        return { done: false, value };
      }
      if (this.#hasEnded) return { done: true };
      if (this.#fault !== null) throw this.#fault;
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#incoming.resume();
      await woken;
    }
  }

  /** Leaves the rest of the body to others. */
  stop(): void {
    this.#incoming
      .off("data", this.#take)
      .off("end", this.#end)
      .off("close", this.#close)
      .off("error", this.#close);
    this.#incoming.on("error", () => {});
    this.#fault ??= new Error("the request was answered");
    this.#wake();
  }

  readonly #take = (chunk: Uint8Array): void => {
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (this.#queued >= QUEUE_BYTES) this.#incoming.pause();
    this.#wake();
  };

  readonly #end = (): void => {
    this.#hasEnded = true;
    this.#wake();
  };

  readonly #close = (): void => {
    this.#fault ??= new Error("the client went away before the end of its body");
    this.#wake();
  };
}
