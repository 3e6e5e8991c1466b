/**
 * One answer of Git, written once and read by any number of clients, each at its own pace (G33). Short ones stay in memory, long
 * ones go to a file.
 * @module
 */
import { type FileHandle, open, rm } from "node:fs/promises";

/** Longest answer in memory, in bytes. */
export const MAX_MEMORY_BYTES = 256 * 1024;
/** How much a reader takes at once, in bytes (G41). */
const PIECE_BYTES = 128 * 1024;

/** Why an answer broke off. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";
}

export class Spool {
  readonly #path: string;
  /** Asked before the file grows; `false`: there is no room for more. */
  readonly #mayGrow: (bytes: number) => boolean;
  #memory: Uint8Array[] = [];
  #file: Promise<FileHandle> | null = null;
  /** Reads of the file that run. */
  #reading = 0;
  #hasFile = false;
  /** Bytes in memory or in the file. */
  #stored = 0;
  /** What came last: a reader who keeps up needs no file. */
  #last: { readonly at: number; readonly chunk: Uint8Array } | null = null;
  #bytes = 0;
  #state: "filling" | "whole" | "broken" = "filling";
  readonly #readers = new Set<SpoolReader>();
  /** Those who wait for a change. */
  #waiting: (() => void)[] = [];
  /** Called when the last reader has gone. */
  onIdle: () => void = () => {};

  constructor(path: string, mayGrow: (bytes: number) => boolean) {
    this.#path = path;
    this.#mayGrow = mayGrow;
  }

  /** Bytes that came so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes on the disk. */
  get fileBytes(): number {
    return this.#hasFile ? this.#stored : 0;
  }

  get hasReaders(): boolean {
    return this.#readers.size > 0;
  }

  /** Whether it is complete and can be read again from its start. */
  get isReusable(): boolean {
    return this.#state === "whole" && this.#stored === this.#bytes;
  }

  /** Whether a new reader would get it from its start. */
  get isJoinable(): boolean {
    return this.#state !== "broken" && this.#stored === this.#bytes;
  }

  /** Adds bytes. Waits for readers only where there is no room to store them. */
  async append(chunk: Uint8Array): Promise<void> {
    if (this.#stored === this.#bytes && (await this.#store(chunk))) this.#stored += chunk.length;
    // What no room is left for is passed on at the pace of the slowest reader.
    else await this.#until(() => [...this.#readers].every((reader) => reader.at >= this.#bytes));
    this.#last = { at: this.#bytes, chunk };
    this.#bytes += chunk.length;
    this.#changed();
  }

  /** No more bytes come. */
  end(): void {
    this.#state = "whole";
    if (this.isReusable) this.#last = null;
    this.#changed();
  }

  /** The answer is not whole: its readers must not take it for whole (G36). */
  breakOff(): void {
    if (this.#state === "filling") this.#state = "broken";
    this.#changed();
  }

  /** All that is in memory, if nothing is in the file: for short answers. */
  inMemory(): Uint8Array | null {
    return this.#hasFile || this.#stored < this.#bytes ? null : Buffer.concat(this.#memory);
  }

  reader(): SpoolReader {
    const reader: SpoolReader = {
      at: 0,
      next: () => this.#next(reader),
      close: () => {
        if (!this.#readers.delete(reader)) return;
        this.#changed();
        if (this.#readers.size === 0) this.onIdle();
      },
    };
    this.#readers.add(reader);
    return reader;
  }

  /** Waits until there is something to read, or the end. */
  started(): Promise<void> {
    return this.#until(() => this.#bytes > 0 || this.#state !== "filling");
  }

  /** Deletes the file. Readers that have it open go on. */
  async discard(): Promise<void> {
    await this.closeFile();
    if (this.#hasFile) await rm(this.#path, { force: true });
  }

  /** Closes the file until the next reader comes. */
  async closeFile(): Promise<void> {
    if (this.hasReaders || this.#reading > 0 || this.#state === "filling") return;
    const file = await this.#file?.catch(() => null);
    this.#file = null;
    await file?.close();
  }

  async #next(reader: SpoolReader): Promise<Uint8Array | null> {
    await this.#until(() => reader.at < this.#bytes || this.#state !== "filling");
    const last = this.#last;
    if (last !== null && reader.at >= last.at && reader.at < this.#bytes) {
      const piece = last.chunk.subarray(reader.at - last.at);
      reader.at = this.#bytes;
      // The next bytes may wait for this reader.
      this.#changed();
      return piece;
    }
    if (reader.at < this.#stored) {
      const piece = await this.#piece(reader.at);
      reader.at += piece.length;
      if (reader.at === this.#stored) this.#changed();
      return piece;
    }
    if (this.#state === "broken") throw new BrokenOff("the answer is not whole");
    return null;
  }

  async #piece(at: number): Promise<Uint8Array> {
    if (!this.#hasFile) return Buffer.concat(this.#memory).subarray(at);
    this.#reading++;
    try {
      this.#file ??= open(this.#path, "r");
      const length = Math.min(PIECE_BYTES, this.#stored - at);
      const { bytesRead, buffer } = await (await this.#file).read(Buffer.allocUnsafe(length), 0, length, at);
      if (bytesRead === 0) throw new BrokenOff("the file of an answer is shorter than it was");
      return buffer.subarray(0, bytesRead);
    } finally {
      this.#reading--;
      // Its client may have gone meanwhile.
      await this.closeFile();
    }
  }

  /** @returns `false`: there is no room */
  async #store(chunk: Uint8Array): Promise<boolean> {
    if (!this.#hasFile && this.#stored + chunk.length <= MAX_MEMORY_BYTES) {
      this.#memory.push(chunk);
      return true;
    }
    const pending = this.#hasFile ? [chunk] : [...this.#memory, chunk];
    const length = pending.reduce((sum, { length }) => sum + length, 0);
    if (!this.#mayGrow(length)) return false;
    try {
      this.#file ??= open(this.#path, "w+", 0o600);
      const file = await this.#file;
      let at = this.#hasFile ? this.#stored : 0;
      for (const part of pending) {
        for (let done = 0; done < part.length; ) {
          const { bytesWritten } = await file.write(part, done, part.length - done, at);
          done += bytesWritten;
          at += bytesWritten;
        }
      }
    } catch {
      // A full disk: the answer goes on without the file (O24, T65).
      return false;
    }
    this.#hasFile = true;
    this.#memory = [];
    return true;
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** One client's place in an answer. */
export interface SpoolReader {
  /** Bytes that were taken. */
  at: number;
  /** The next bytes; `null`: the end. @throws {BrokenOff} */
  next(): Promise<Uint8Array | null>;
  /** The client has gone, or has everything. */
  close(): void;
}
