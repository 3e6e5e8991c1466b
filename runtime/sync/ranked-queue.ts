import { type FifoItem, FifoList } from "./fifo-list.ts";

/** What a {@link RankedQueue} holds. */
export interface Ranked extends FifoItem {
  /** Whether it has its turn only while nothing else is in the queue. It does not change. */
  readonly isLast: boolean;
}

/** A queue in which some items wait behind all others, first in, first out among themselves. */
export class RankedQueue<T extends Ranked> {
  readonly #others = new FifoList<T>();
  readonly #last = new FifoList<T>();

  get isEmpty(): boolean {
    return this.#others.isEmpty && this.#last.isEmpty;
  }

  /** Whether the next item, if there is one, is one of the last. */
  get isOnLast(): boolean {
    return this.#others.isEmpty;
  }

  /** Whether an item that is not in the queue would be next. */
  isFreeFor(isLast: boolean): boolean {
    return this.#others.isEmpty && (!isLast || this.#last.isEmpty);
  }

  pushBack(item: T): void {
    this.#listOf(item).pushBack(item);
  }

  /** Returns an item that was shifted out to its old position. */
  putBack(item: T): void {
    this.#listOf(item).putBack(item);
  }

  /** Removes and returns the next item; `null` if the queue is empty. */
  shift(): T | null {
    return this.#others.shift() ?? this.#last.shift();
  }

  remove(item: T): void {
    this.#listOf(item).remove(item);
  }

  #listOf({ isLast }: T): FifoList<T> {
    return isLast ? this.#last : this.#others;
  }
}
