const DUE_AT = Symbol("dueAt");
const ORDER = Symbol("order");
const INDEX = Symbol("index");

/** Base class of what a {@link TimeHeap} holds. An item is in one heap at most; only the heap reads and writes its fields. */
export class HeapItem {
  [DUE_AT] = 0;
  /** Among items due at the same time, lower goes first. */
  [ORDER] = 0;
  /** Its position in the heap; -1: in none. */
  [INDEX] = -1;
}

/**
 * Items ordered by time; those of the same time in the order in which they were set. A binary heap whose items know their
 * position, so that an item whose time changes moves without a search and no stale entry stays behind.
 */
export class TimeHeap<T extends HeapItem> {
  readonly #items: T[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The earliest item; `undefined` if the heap is empty. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** The earliest item if it is due; `undefined` otherwise. */
  peekDue(now: number): T | undefined {
    const item = this.#items[0];
    return item !== undefined && item[DUE_AT] <= now ? item : undefined;
  }

  /** Adds an item, or moves it to another time. */
  set(item: T, dueAt: number): void {
    item[DUE_AT] = dueAt;
    item[ORDER] = this.#order++;
    if (item[INDEX] < 0) {
      item[INDEX] = this.#items.length;
      this.#items.push(item);
    }
    this.#rise(item);
    this.#sink(item);
  }

  /** Removes an item, if it is in the heap. */
  remove(item: T): void {
    const index = item[INDEX];
    if (index < 0) return;
    item[INDEX] = -1;
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #place(item: T, index: number): void {
    this.#items[index] = item;
    item[INDEX] = index;
  }

  #rise(item: T): void {
    let index = item[INDEX];
    while (index > 0) {
      const above = this.#items[(index - 1) >> 1]!;
      if (!isBefore(item, above)) break;
      this.#place(above, index);
      index = (index - 1) >> 1;
    }
    this.#place(item, index);
  }

  #sink(item: T): void {
    let index = item[INDEX];
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

function isBefore(a: HeapItem, b: HeapItem): boolean {
  return a[DUE_AT] < b[DUE_AT] || (a[DUE_AT] === b[DUE_AT] && a[ORDER] < b[ORDER]);
}
