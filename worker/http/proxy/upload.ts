/**
 * A request's body on its way to the origin.
 * @module
 */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/**
 * The body of a request as a stream of its own. The origin's connection may end the stream at any time; the client's
 * connection stays, so that an answer which came early can still be sent.
 */
export class Upload extends Readable {
  /** The client has sent all of it. */
  isComplete = false;
  readonly #incoming: IncomingMessage;
  readonly #onProgress: () => void;
  #onFirstRead: (() => void) | null;
  #isWanted = false;

  /**
   * @param onProgress called for each part that the client sends
   * @param onFirstRead called once, when the first part is asked for
   */
  constructor(incoming: IncomingMessage, onProgress: () => void, onFirstRead: (() => void) | null) {
    super({ highWaterMark: 65_536 });
    this.#incoming = incoming;
    this.#onProgress = onProgress;
    this.#onFirstRead = onFirstRead;
    // The exchange hears of a failure from the origin's side or from the client's response.
    this.on("error", () => {});
    incoming.on("data", this.#take).on("end", this.#end).on("close", this.#close).on("error", this.#close);
    incoming.pause();
  }

  /** The next part is the client's to send. */
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
    // What still comes is dropped, and a failure of the connection is nobody's any more.
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
