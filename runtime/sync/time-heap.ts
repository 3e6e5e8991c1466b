/** Something that is due at a time. A heap writes these fields; nothing else may. */
export interface Timed {
  /** When it is due, in milliseconds on the engine's clock. */
  dueAt: number;
  /** Among those that are due at the same time, lower goes first. */
  order: number;
  /** Its place in the heap; -1: in none. */
  heapIndex: number;
}

/**
 * Things in the order of their times: the earliest is at hand, and one whose time changes moves without a search.
 * Those of one time come in the order in which they were put there.
 * A binary heap whose items know their place, so that no stale entry is ever left behind.
 */
export class TimeHeap<T extends Timed> {
  readonly #items: T[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The earliest; `undefined` if the heap is empty. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Puts an item in, or moves it to another time. */
  set(item: T, dueAt: number): void {
    item.dueAt = dueAt;
    item.order = this.#order++;
    if (item.heapIndex < 0) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
    }
    this.#rise(item);
    this.#sink(item);
  }

  /** Takes an item out, if it is in. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #place(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }

  #rise(item: T): void {
    let index = item.heapIndex;
    while (index > 0) {
      const above = this.#items[(index - 1) >> 1]!;
      if (!isBefore(item, above)) break;
      this.#place(above, index);
      index = (index - 1) >> 1;
    }
    this.#place(item, index);
  }

  #sink(item: T): void {
    let index = item.heapIndex;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= this.#items.length) break;
      const right = this.#items[below + 1];
      if (right !== undefined && isBefore(right, this.#items[below]!)) below++;
      const earlier = this.#items[below]!;
      if (!isBefore(earlier, item)) break;
      this.#place(earlier, index);
      index = below;
    }
    this.#place(item, index);
  }
}

function isBefore(a: Timed, b: Timed): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}
