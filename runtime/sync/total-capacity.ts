import { FifoItem, FifoList } from "./fifo-list.ts";

/** A domain's place in the list of domains that wait for total capacity. */
export class CapacityWaiter extends FifoItem {
  /** Gives one turn in the domain, if it has both a waiting identifier and room. Returns whether it did. */
  readonly giveTurn: () => boolean;

  constructor(giveTurn: () => boolean) {
    super();
    this.giveTurn = giveTurn;
  }
}

/**
 * The bound over all domains. When it is reached, domains line up, and each gets one turn per round. Domains wait only
 * while the bound is reached.
 */
export class TotalCapacity {
  readonly #max: number;
  readonly #waiting = new FifoList<CapacityWaiter>();
  #held = 0;

  /** @param max maximum number of permits. */
  constructor(max: number) {
    this.#max = max;
  }

  get isFull(): boolean {
    return this.#held >= this.#max;
  }

  take(): void {
    this.#held++;
  }

  release(): void {
    this.#held--;
  }

  /** Appends a domain, unless it is in the list. */
  lineUp(waiter: CapacityWaiter): void {
    if (!this.#waiting.has(waiter)) this.#waiting.pushBack(waiter);
  }

  /** Gives turns until the bound is reached or no domain can use one. A domain that was served goes to the back. */
  serve(): void {
    while (!this.isFull) {
      const waiter = this.#waiting.shift();
      if (waiter === null) return;
      if (waiter.giveTurn()) this.lineUp(waiter);
    }
  }
}
