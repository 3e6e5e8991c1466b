import type { Exports } from "./kernels.ts";

/** Bytes of a SHA-256 digest. */
export const DIGEST_BYTES = 32;
/** Up to this length, copying a text unit by unit is faster than encoding it. */
const SHORT = 128;

/** The input and output regions of the kernels' linear memory. */
export class KernelMemory {
  readonly wasm: Exports;
  readonly input: Uint8Array<ArrayBuffer>;
  readonly inputBytes: number;
  readonly encoder = new TextEncoder();

  /** Memory must not grow any more: then views stay valid. */
  constructor(wasm: Exports) {
    this.wasm = wasm;
    this.inputBytes = wasm.inputBytes();
    this.input = this.view(wasm.input(), this.inputBytes);
  }

  /** A view of the memory. */
  view(at: number, bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.wasm.memory.buffer, at, bytes);
  }

  /** A view of the first bytes of the output. */
  output(bytes: number): Uint8Array<ArrayBuffer> {
    return this.view(this.wasm.output(), bytes);
  }

  /** Copies a text to the input as UTF-8. @returns its length in bytes; -1 if it does not fit */
  write(text: string): number {
    const { input } = this;
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
    const { read, written } = this.encoder.encodeInto(text, this.input);
    return read === text.length ? written : -1;
  }
}
