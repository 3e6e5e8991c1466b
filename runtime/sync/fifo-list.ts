const TICKET = Symbol("ticket");
const BEFORE = Symbol("before");
const AFTER = Symbol("after");

/** Base class of what a {@link FifoList} holds. An item is in one list at most; only the list reads and writes its links. */
export class FifoItem {
  /** Its position in the order of arrival; lower goes first. */
  [TICKET] = 0;
  [BEFORE]: FifoItem | null = null;
  [AFTER]: FifoItem | null = null;
}

/**
 * A first-in, first-out list. Each operation takes the same time however long the list is. A `Map` used as a queue does
 * not: it walks over the holes that earlier removals left at its front.
 */
export class FifoList<T extends FifoItem> {
  #first: FifoItem | null = null;
  #last: FifoItem | null = null;
  #tickets = 0;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  /** Whether an item is in this list. It must not be in another one. */
  has(item: T): boolean {
    return item[BEFORE] !== null || item === this.#first;
  }

  /** Appends an item. */
  pushBack(item: T): void {
    item[TICKET] = this.#tickets++;
    this.#link(item, this.#last);
  }

  /** Returns an item that was shifted out to its old position. Walks past the items in front of that position only. */
  putBack(item: T): void {
    let ahead: FifoItem | null = null;
    let next = this.#first;
    while (next !== null && next[TICKET] < item[TICKET]) {
      ahead = next;
      next = next[AFTER];
    }
    this.#link(item, ahead);
  }

  /** Removes and returns the first item; `null` if the list is empty. */
  shift(): T | null {
    const item = this.#first as T | null;
    if (item !== null) this.remove(item);
    return item;
  }

  /** Removes an item that is in the list. */
  remove(item: T): void {
    const { [BEFORE]: before, [AFTER]: after } = item;
    if (before === null) this.#first = after;
    else before[AFTER] = after;
    if (after === null) this.#last = before;
    else after[BEFORE] = before;
    item[BEFORE] = null;
    item[AFTER] = null;
  }

  #link(item: T, ahead: FifoItem | null): void {
    const behind = ahead === null ? this.#first : ahead[AFTER];
    item[BEFORE] = ahead;
    item[AFTER] = behind;
    if (ahead === null) this.#first = item;
    else ahead[AFTER] = item;
    if (behind === null) this.#last = item;
    else behind[BEFORE] = item;
  }
}
