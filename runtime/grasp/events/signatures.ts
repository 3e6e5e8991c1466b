/**
 * Which signatures were checked already, so that a known event costs no second check (R8, R10, T28).
 * @module
 */
import type { NostrEvent } from "./event.ts";

/** Results that are kept. */
const MAX_KEPT = 20_000;

/** Checks signatures, each once. */
export class Signatures {
  readonly #check: (event: NostrEvent) => boolean | Promise<boolean>;
  /** Checks under way, by id and signature. */
  readonly #running = new Map<string, Promise<boolean>>();
  /** Results by id and signature, the oldest first. */
  readonly #results = new Map<string, boolean>();

  /** @param check whether a signature is the author's (BIP 340) */
  constructor(check: (event: NostrEvent) => boolean | Promise<boolean>) {
    this.#check = check;
  }

  /** Whether an event's signature is its author's. The event's id is its hash. */
  isGood(event: NostrEvent): boolean | Promise<boolean> {
    const key = event.id + event.sig;
    return this.#results.get(key) ?? this.#running.get(key) ?? this.#run(event, key);
  }

  async #run(event: NostrEvent, key: string): Promise<boolean> {
    const running = Promise.resolve(this.#check(event));
    this.#running.set(key, running);
    try {
      const isGood = await running;
      this.#keep(key, isGood);
      return isGood;
    } finally {
      this.#running.delete(key);
    }
  }

  #keep(key: string, isGood: boolean): void {
    if (this.#results.size >= MAX_KEPT) this.#results.delete(this.#results.keys().next().value!);
    this.#results.set(key, isGood);
  }
}
