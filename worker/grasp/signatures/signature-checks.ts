/**
 * Signature checks (BIP 340). A few are made at once; when many wait, they go to a thread in batches, so that a flood does not hold
 * up the process (R11, T28).
 * @module
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import { openSchnorr, type Schnorr } from "../../../wasm/schnorr.ts";
import { type Batches, type Signed, writeSigned } from "./signature-batches.ts";
import { SignatureThread } from "./signature-thread.ts";

/** Checks that may wait before they go to the thread (R11). */
const MAX_HERE = 32;
/** Checks of one turn of the event loop. One takes about 0.1 ms. */
const TURN = 8;
/** Checks in one batch of the thread. */
const BATCH = 64;
/** Checks that may wait in all. */
const MAX_WAITING = 20_000;

interface Check extends Signed {
  resolve(isGood: boolean): void;
  reject(error: unknown): void;
}

export class SignatureChecks {
  readonly #isGood: (event: Signed) => boolean;
  readonly #batches: Batches;
  readonly #waiting: Check[] = [];
  #isScheduled = false;
  #isBatchOut = false;

  /**
   * @param parts.isGood makes one check here. Default: {@link isGood}
   * @param parts.batches Default: a thread
   */
  constructor(parts: { readonly isGood?: (event: Signed) => boolean; readonly batches?: Batches } = {}) {
    this.#isGood = parts.isGood ?? isGood;
    this.#batches = parts.batches ?? new SignatureThread();
  }

  /** The number of checks that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Whether an event's signature is its author's.
   * @throws if too many wait
   */
  check({ id, pubkey, sig }: Signed): Promise<boolean> {
    if (this.#waiting.length >= MAX_WAITING) throw new Error("too many signatures wait");
    return new Promise<boolean>((resolve, reject) => {
      this.#waiting.push({ id, pubkey, sig, resolve, reject });
      this.#schedule();
    });
  }

  /** Ends the thread. */
  close(): Promise<void> {
    return this.#batches.close();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (this.#waiting.length > MAX_HERE && !this.#isBatchOut) void this.#sendBatch();
    for (const check of this.#waiting.splice(0, TURN)) this.#checkHere(check);
    this.#schedule();
  }

  #checkHere(check: Check): void {
    try {
      check.resolve(this.#isGood(check));
    } catch (error) {
      check.reject(error);
    }
  }

  async #sendBatch(): Promise<void> {
    this.#isBatchOut = true;
    // The newest: the oldest are checked here meanwhile.
    const batch = this.#waiting.splice(-Math.min(BATCH, this.#waiting.length - TURN));
    try {
      const results = await this.#batches.check(batch.map(({ id, pubkey, sig }) => ({ id, pubkey, sig })));
      for (const [index, check] of batch.entries()) check.resolve(results[index]!);
    } catch {
      this.#waiting.unshift(...batch);
    } finally {
      this.#isBatchOut = false;
      this.#schedule();
    }
  }
}

/** Opened by the first check. */
let here: (Pick<Schnorr, "verify"> & { readonly input: Buffer }) | null = null;

/** Whether a signature is the author's. A key that is no point has none. */
export function isGood(event: Signed): boolean {
  if (here === null) {
    const { input, verify } = openSchnorr();
    here = { input: Buffer.from(input.buffer, input.byteOffset, input.length), verify };
  }
  return writeSigned(event, here.input, 0) && here.verify();
}
