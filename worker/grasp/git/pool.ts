/**
 * The one pool that all Git processes come from (G30). What may run is decided by `runtime/grasp/git/slots.ts`.
 * @module
 */
import { SHARES, type Share, type SlotLimits, Slots, type Ticket } from "../../../runtime/grasp/git/slots.ts";
import type { Clock } from "../../../runtime/platform.ts";

/** How long a wish for a slot waits, in milliseconds (G24). */
export const SLOT_WAIT_MS = 30_000;

/** Thrown where no slot was free in time. It is answered with 503 and `Retry-After` (G24). */
export class PoolBusy extends Error {
  override readonly name = "PoolBusy";
}

/** Figures for the metrics (O12). */
export interface PoolCounts {
  readonly used: Readonly<Record<Share, number>>;
  readonly waiting: Readonly<Record<Share, number>>;
  /** Wishes that ended with {@link PoolBusy} since the start. */
  readonly refused: number;
}

interface Wish extends Ticket {
  grant(): void;
}

export class GitPool {
  readonly #clock: Pick<Clock, "after">;
  readonly #slots: Slots<Wish>;
  #refused = 0;
  /** Told when nothing runs and nothing waits. */
  readonly #whenIdle = new Set<() => void>();

  constructor({ clock, limits }: { clock: Pick<Clock, "after">; limits?: SlotLimits }) {
    this.#clock = clock;
    this.#slots = new Slots(limits);
  }

  counts(): PoolCounts {
    const each = (count: (share: Share) => number) => ({
      own: count("own"),
      push: count("push"),
      read: count("read"),
      fetch: count("fetch"),
      maintenance: count("maintenance"),
    });
    return {
      used: each((share) => this.#slots.used(share)),
      waiting: each((share) => this.#slots.waiting(share)),
      refused: this.#refused,
    };
  }

  /**
   * Waits for a slot.
   * @param address the client's; `null`: our own work. Addresses take turns, and each has a maximum.
   * @returns gives the slot back. Later calls of it do nothing.
   * @throws {PoolBusy} if none is free within 30 s. Work of share `own` waits without a limit: it is short and holds locks.
   * @throws the signal's reason, if it aborts first.
   */
  take(share: Share, address: string | null, signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const wish: Wish = {
        share,
        address,
        grant: () => {
          stopWaiting();
          resolve(() => this.#remove(wish));
        },
      };
      const giveUp = (reason: unknown) => {
        stopWaiting();
        this.#remove(wish);
        reject(reason);
      };
      const onAbort = () => giveUp(signal?.reason);
      const cancelTimer =
        share === "own"
          ? () => {}
          : this.#clock.after(SLOT_WAIT_MS, () => {
              this.#refused++;
              giveUp(new PoolBusy("no Git process was free in time"));
            });
      const stopWaiting = () => {
        cancelTimer();
        signal?.removeEventListener("abort", onAbort);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#slots.add(wish);
      this.#grantAll();
    });
  }

  /** Runs work with a slot. @param signal ends the wait for it, not the work. @throws as {@link take} and the work. */
  async run<T>(
    share: Share,
    address: string | null,
    work: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const release = await this.take(share, address, signal);
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Waits until no process runs and none is wanted. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.add(resolve));
  }

  #isIdle(): boolean {
    return SHARES.every((share) => this.#slots.used(share) === 0 && this.#slots.waiting(share) === 0);
  }

  #remove(wish: Wish): void {
    this.#slots.remove(wish);
    this.#grantAll();
    if (this.#whenIdle.size === 0 || !this.#isIdle()) return;
    for (const tell of this.#whenIdle) tell();
    this.#whenIdle.clear();
  }

  #grantAll(): void {
    for (let wish = this.#slots.next(); wish !== null; wish = this.#slots.next()) wish.grant();
  }
}
