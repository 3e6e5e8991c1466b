/** Something that can stand in one {@link Ring}. The ring writes the links; nothing else may. */
export interface Linked {
  /** Lower goes first. */
  turn: number;
  before: this | null;
  after: this | null;
}

/**
 * Those who wait for their turn: who was served goes to the back. Every step costs the same however many wait, which
 * a `Map` used as a queue does not promise: it walks over the holes that earlier departures left at its front.
 */
export class Ring<T extends Linked> {
  #first: T | null = null;
  #last: T | null = null;
  #turns = 0;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  /** Lines an item up behind all others. */
  pushBack(item: T): void {
    item.turn = this.#turns++;
    this.#link(item, this.#last);
  }

  /** Gives an item that was shifted out its place back. Walks past those who were put back before it, no further. */
  putBack(item: T): void {
    let ahead: T | null = null;
    let next = this.#first;
    while (next !== null && next.turn < item.turn) {
      ahead = next;
      next = next.after;
    }
    this.#link(item, ahead);
  }

  /** Takes out whose turn it is; `null` if nobody waits. */
  shift(): T | null {
    const item = this.#first;
    if (item !== null) this.remove(item);
    return item;
  }

  /** Takes out an item that is in. */
  remove(item: T): void {
    if (item.before === null) this.#first = item.after;
    else item.before.after = item.after;
    if (item.after === null) this.#last = item.before;
    else item.after.before = item.before;
    item.before = null;
    item.after = null;
  }

  #link(item: T, ahead: T | null): void {
    const behind = ahead === null ? this.#first : ahead.after;
    item.before = ahead;
    item.after = behind;
    if (ahead === null) this.#first = item;
    else ahead.after = item;
    if (behind === null) this.#last = item;
    else behind.before = item;
  }
}
