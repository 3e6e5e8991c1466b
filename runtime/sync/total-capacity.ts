import { FifoItem, FifoList } from "./fifo-list.ts";

/** A domain's place in the list of domains that wait for total capacity. */
export class CapacityWaiter extends FifoItem {
  /** Gives one turn in the domain, if it has both a waiting identifier and room. Returns whether it did. */
  readonly giveTurn: () => boolean;
  /** Whether only identifiers wait there that go behind all others. */
  readonly isOnLast: () => boolean;
  /** The list that it is in, or was in. */
  list: FifoList<CapacityWaiter> | null = null;

  constructor(giveTurn: () => boolean, isOnLast: () => boolean) {
    super();
    this.giveTurn = giveTurn;
    this.isOnLast = isOnLast;
  }
}

/**
 * The bound over all domains. When it is reached, domains line up, and each gets one turn per round. Domains wait only
 * while the bound is reached. Those where only identifiers wait that go behind all others line up behind all others.
 */
export class TotalCapacity {
  readonly #max: number;
  readonly #others = new FifoList<CapacityWaiter>();
  readonly #last = new FifoList<CapacityWaiter>();
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

  /** Appends a domain, unless it is in its list. */
  lineUp(waiter: CapacityWaiter): void {
    const list = waiter.isOnLast() ? this.#last : this.#others;
    if (waiter.list?.has(waiter)) {
      if (waiter.list === list) return;
      waiter.list.remove(waiter);
    }
    waiter.list = list;
    list.pushBack(waiter);
  }

  /** Gives turns until the bound is reached or no domain can use one. A domain that was served goes to the back. */
  serve(): void {
    while (!this.isFull) {
      const waiter = this.#others.shift() ?? this.#last.shift();
      if (waiter === null) return;
      // Those that it stood in line for left meanwhile.
      const isMoved = waiter.list === this.#others && waiter.isOnLast();
      if (isMoved || waiter.giveTurn()) this.lineUp(waiter);
    }
  }
}
