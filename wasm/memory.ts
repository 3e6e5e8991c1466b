import type { Exports } from "./kernels.ts";

/** Bytes of a SHA-256 digest. */
export const DIGEST_BYTES = 32;
/** Up to this length, copying a text unit by unit is faster than encoding it: 16 on Node, 24 on Bun, 40 on Deno. */
const SHORT = 24;

/** The input and output regions of the kernels' linear memory. */
export class KernelMemory {
  readonly wasm: Exports;
  readonly inputBytes: number;
  readonly encoder = new TextEncoder();
  readonly #input: Uint8Array<ArrayBuffer>;
  /** The text that the input begins with, as {@link write} wrote it; `null`: not known. No kernel writes to the input. */
  #written: string | null = null;
  #writtenBytes = 0;

  /** Memory must not grow any more: then views stay valid. */
  constructor(wasm: Exports) {
    this.wasm = wasm;
    this.inputBytes = wasm.inputBytes();
    this.#input = this.view(wasm.input(), this.inputBytes);
  }

  /** The input, for a caller that writes to it. Get it for each write: this forgets which text is there. */
  get input(): Uint8Array<ArrayBuffer> {
    this.#written = null;
    return this.#input;
  }

  /** A view of the memory. */
  view(at: number, bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.wasm.memory.buffer, at, bytes);
  }

  /** A view of the first bytes of the output. */
  output(bytes: number): Uint8Array<ArrayBuffer> {
    return this.view(this.wasm.output(), bytes);
  }

  /**
   * Copies a text to the input as UTF-8, unless it is there: the id of a request is checked, and then looked up.
   * @returns its length in bytes; -1 if it does not fit
   */
  write(text: string): number {
    if (text === this.#written) return this.#writtenBytes;
    this.#written = null;
    const bytes = this.#copy(text);
    if (bytes >= 0) {
      this.#written = text;
      this.#writtenBytes = bytes;
    }
    return bytes;
  }

  #copy(text: string): number {
    const input = this.#input;
    const length = text.length;
    if (length > SHORT) return this.#encode(text);
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return this.#encode(text);
      input[i] = unit;
    }
    return length;
  }

  #encode(text: string): number {
    const { read, written } = this.encoder.encodeInto(text, this.#input);
    return read === text.length ? written : -1;
  }
}
