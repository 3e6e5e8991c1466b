/**
 * What the stores share: checks of their arguments, errors with a hint, and operations with a timeout.
 * @module
 */
import type { Clock } from "../platform.ts";

/** Default timeout of one store operation, in milliseconds; then it rejects. The only place with these figures. */
export const TIMEOUT_MS = {
  /** One answer of Redis, and one attempt to connect. */
  redis: 2000,
  /** How long an operation waits while another program holds the SQLite file. */
  sqlite: 4000,
  /** One operation, and how long it is repeated while another process holds the file. */
  denoKv: 5000,
} as const;

/** Checks that a store is open and that it can keep a text. */
export class StoreGuard {
  /** What error messages call the store, such as `the Redis store`. */
  readonly name: string;
  readonly #keepsNul: boolean;
  #isClosed = false;

  /** @param keepsNul whether the store keeps texts with NUL characters. Default: true. */
  constructor(name: string, { keepsNul = true } = {}) {
    this.name = name;
    this.#keepsNul = keepsNul;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** @throws {Error} if the store is closed. */
  mustBeOpen(): void {
    if (this.#isClosed) throw new Error(`${this.name} is closed`);
  }

  /**
   * @throws {Error} if the store is closed.
   * @throws {TypeError} if it cannot keep the key.
   */
  mustBeUsable(key: string): void {
    this.mustBeOpen();
    this.mustBeText("key", key);
  }

  /**
   * Refuses what the store would alter: UTF-8 cannot express half of a surrogate pair, and some hosts read a text only up to
   * its first NUL.
   * @throws {TypeError} if the store cannot keep the text.
   */
  mustBeText(what: "key" | "value", text: string): void {
    if (text.isWellFormed() && (this.#keepsNul || !text.includes("\0"))) return;
    const withoutNul = this.#keepsNul ? "" : " without NUL characters";
    throw new TypeError(`a ${what} for ${this.name} must be well-formed Unicode${withoutNul}`);
  }
}

/** What a driver's message may match, and what to do then. */
export type Hints = readonly (readonly [pattern: RegExp, hint: string])[];

/** An error with the store's name and, where the driver's message matches a pattern, a hint. */
export function withHint(name: string, cause: unknown, hints: Hints): Error {
  const message = messageOf(cause);
  const hint = hints.find(([pattern]) => pattern.test(message))?.[1];
  return new Error(`${name}: ${message}${hint === undefined ? "" : ` (${hint})`}`, { cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An answer, or a connection, took too long. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";

  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

/**
 * Waits for work, but no longer than `ms` milliseconds. The work goes on and may still take effect.
 * @throws {TimeoutError} if the time is over; else what the work throws.
 */
export function within<T>(work: Promise<T>, ms: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(new TimeoutError(ms)));
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** Milliseconds by the clock that is never set, where the host has one. For durations only. */
export function elapsedMs(clock: Clock): number {
  return clock.monotonic?.() ?? clock.now();
}

export interface OperationsOptions {
  /** What is closed after `close`, such as `the Deno KV store`. */
  name: string;
  /** Most operations that may be pending; more are rejected at once. Default: no limit. */
  maxPending?: number;
  /** Makes the error that an operation rejects with from the driver's error. */
  explain(cause: unknown): Error;
}

/** Runs the operations of a store, and waits for them before the store closes. */
export class Operations {
  readonly #options: OperationsOptions;
  readonly #pending = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Runs one operation. @throws {Error} if the store is closed, if too many operations are pending, or what `explain` returns. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const { name, maxPending = Number.POSITIVE_INFINITY, explain } = this.#options;
    if (this.#isClosed) return Promise.reject(new Error(`${name} is closed`));
    if (this.#pending.size >= maxPending) {
      return Promise.reject(explain(new Error(`${maxPending} operations are pending already`)));
    }
    const result = work().catch((cause) => {
      throw explain(cause);
    });
    const settled: Promise<unknown> = result.then(
      () => this.#pending.delete(settled),
      () => this.#pending.delete(settled),
    );
    this.#pending.add(settled);
    return result;
  }

  /** Waits for the operations that are pending now. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** Refuses further operations, and waits until none is pending. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#pending.size > 0) await this.settled();
  }
}
