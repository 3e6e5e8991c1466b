/**
 * The body of a proxied request.
 * @module
 */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/**
 * The body of a request as a separate stream. The origin's connection may end the stream at any time. The client's connection
 * stays open, so that an early response can still be sent.
 */
export class Upload extends Readable {
  /** Whether the client has sent the whole body. */
  isComplete = false;
  readonly #incoming: IncomingMessage;
  readonly #onProgress: () => void;
  #onFirstRead: (() => void) | null;
  #isWanted = false;

  /**
   * @param onProgress called for each chunk from the client
   * @param onFirstRead called once, before the first chunk is read
   */
  constructor(incoming: IncomingMessage, onProgress: () => void, onFirstRead: (() => void) | null) {
    super({ highWaterMark: 65_536 });
    this.#incoming = incoming;
    this.#onProgress = onProgress;
    this.#onFirstRead = onFirstRead;
    // The exchange learns of a failure from the origin's side or from the client's response.
    this.on("error", () => {});
    incoming.on("data", this.#take).on("end", this.#end).on("close", this.#close).on("error", this.#close);
    incoming.pause();
  }

  /** Whether the stream waits for the next chunk from the client. */
  get waitsForClient(): boolean {
    return !this.isComplete && this.#isWanted;
  }

  override _read(): void {
    this.#onFirstRead?.();
    this.#onFirstRead = null;
    this.#isWanted = true;
    this.#incoming.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#incoming
      .off("data", this.#take)
      .off("end", this.#end)
      .off("close", this.#close)
      .off("error", this.#close);
    // Later input is discarded, and a later failure of the connection is ignored.
    this.#incoming.on("error", () => {});
    callback(error);
  }

  readonly #take = (part: Buffer): void => {
    this.#onProgress();
    if (this.push(part)) return;
    this.#isWanted = false;
    this.#incoming.pause();
  };

  readonly #end = (): void => {
    this.isComplete = true;
    this.#onProgress();
    this.push(null);
  };

  readonly #close = (): void => {
    if (!this.isComplete) this.destroy(new Error("the client went away before the end of its body"));
  };
}
