import type { Clock } from "../platform.ts";
import { Cancellation } from "./cancellation.ts";
import type { Leases } from "./leases.ts";

/** What pieces of work on one identifier share: an entry of the queue, or the calls of `tryNow` that run at once. */
export interface Work {
  readonly identifier: string;
  /** Pieces of work under way. */
  users: number;
  /** What they share; `null` while there are none. */
  cancellation: Cancellation | null;
}

/** The work under way in one engine: its cancellations, its leases, and when there is none. */
export class ActiveWork {
  readonly #clock: Clock;
  readonly #leases: Leases | null;
  readonly #onNone: () => void;
  #count = 0;
  #onIdle: (() => void) | null = null;

  /** @param onNone called whenever the last piece of work has ended. */
  constructor(clock: Clock, leases: Leases | null, onNone: () => void) {
    this.#clock = clock;
    this.#leases = leases;
    this.#onNone = onNone;
  }

  /** A piece of work starts. @returns what tells it when it is not wanted any more. */
  begin(work: Work): Cancellation {
    this.#count++;
    work.users++;
    this.#leases?.enter(work.identifier);
    work.cancellation ??= new Cancellation();
    return work.cancellation;
  }

  /** A piece of work ends. Never rejects. */
  async end(work: Work): Promise<void> {
    if (--work.users === 0) work.cancellation = null;
    await this.#leases?.exit(work.identifier);
    if (--this.#count > 0) return;
    this.#onNone();
    this.#onIdle?.();
  }

  /** Waits until no work is under way, at most `ms` milliseconds. */
  idle(ms: number): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#onIdle = null;
        resolve();
      };
      const cancel = this.#clock.after(ms, done);
      this.#onIdle = done;
    });
  }
}

/** The reason of an abort that the engine decides. */
export function abortError(message: string): Error {
  const error = new Error(message);
  error.name = "AbortError";
  return error;
}
