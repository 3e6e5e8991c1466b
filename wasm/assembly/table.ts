// Where windows are kept: a hash table of 32-byte entries. A key has its home in one slot and lives there if it can, so
// that most look-ups touch one cache line; keys that share a home are chained. Nothing ever moves, and everything is
// zero at first, so that a large table costs no more memory than has been used of it.

/** Bits of a slot's number; 0 is no slot. */
export const NUMBER_BITS = 22;
const NUMBER: u64 = (1 << NUMBER_BITS) - 1;
const LAST: u64 = 1 << NUMBER_BITS;
/** What a slot keeps of a key's hash; its home tells the rest. */
const HASH: u64 = ~(NUMBER | LAST);
/** Bytes of an entry. */
const ENTRY = 32;

/** A slot, with the entry that lives in it if its window is not 0. */
// @ts-ignore: decorator
@unmanaged
export class Entry {
  /** Of the entry: the high bits of the key's hash, and whether it is the last of its chain. Of the slot: the first of the keys whose home it is. */
  hashLastFirst: u64;
  /** When the newest take was, in milliseconds since the epoch; the next of the chain, or after the last the home. */
  newestNext: u64;
  /** The longest window that a live take was asked for with. */
  window: u32;
  /** How many takes are held. */
  total: u32;
  /** How many of them are in the newest run; the older runs are in the log. */
  latest: u32;
  /** The log, as log.ts has it. */
  log: u32;

  /** The key's own clock, which never goes back. */
  @inline
  get newest(): u64 {
    return this.newestNext >> NUMBER_BITS;
  }

  @inline
  set newest(time: u64) {
    this.newestNext = (time << NUMBER_BITS) | (this.newestNext & NUMBER);
  }

  @inline
  get next(): u32 {
    return u32(this.newestNext & NUMBER);
  }

  @inline
  set next(number: u32) {
    this.newestNext = (this.newestNext & ~NUMBER) | number;
  }

  @inline
  get first(): u32 {
    return u32(this.hashLastFirst & NUMBER);
  }

  @inline
  set first(number: u32) {
    this.hashLastFirst = (this.hashLastFirst & ~NUMBER) | number;
  }

  @inline
  get isLast(): bool {
    return (this.hashLastFirst & LAST) != 0;
  }

  @inline
  set isLast(last: bool) {
    this.hashLastFirst = (this.hashLastFirst & ~LAST) | (u64(last) << NUMBER_BITS);
  }

  @inline
  isOf(hash: u64): bool {
    return ((this.hashLastFirst ^ hash) & HASH) == 0;
  }
}

let slots: u32 = 0;
let base: usize = 0;
let capacity: u32 = 0;
export let held: u32 = 0;

/** Slots for so many keys: a ninth stays free, for a key whose home is taken to find one near. */
function slotsFor(keys: u32): u32 {
  return keys + (keys >> 3) + 1;
}

/** Bytes that a table of so many keys takes. */
export function tableBytes(keys: u32): usize {
  return usize(slotsFor(keys) + 1) * ENTRY;
}

/** Lays an empty table out over zeroed memory. */
export function layTable(at: usize, keys: u32): void {
  base = at;
  slots = slotsFor(keys);
  capacity = keys;
}

/** Whether another key can be added. */
export function hasRoom(): bool {
  return held < capacity;
}

/** Whether so little room is left that expired entries should be looked for. */
export function isTight(): bool {
  return held > capacity - (capacity >> 3);
}

// @ts-ignore: decorator
@inline
export function entryAt(number: u32): Entry {
  return changetype<Entry>(base + usize(number) * ENTRY);
}

// @ts-ignore: decorator
@inline
function homeOf(hash: u64): u32 {
  return 1 + u32(((hash & NUMBER) * slots) >> NUMBER_BITS);
}

/** The number of a key's entry, or 0. */
export function find(hash: u64): u32 {
  let number = entryAt(homeOf(hash)).first;
  while (number) {
    const entry = entryAt(number);
    if (entry.isOf(hash)) return number;
    number = entry.isLast ? 0 : entry.next;
  }
  return 0;
}

/** Adds a key that is not there; there has to be room. The entry's window, takes and clock are the caller's to set. */
export function add(hash: u64): u32 {
  const number = homeOf(hash);
  const home = entryAt(number);
  let free = number;
  while (entryAt(free).window) free = free == slots ? 1 : free + 1;
  const entry = entryAt(free);
  entry.hashLastFirst = (hash & HASH) | entry.first;
  if (!home.first) {
    entry.isLast = true;
    entry.next = number;
    home.first = free;
  } else if (home.first == number) {
    // Behind the one at home, which stays the quickest to find.
    entry.isLast = home.isLast;
    entry.next = home.next;
    home.isLast = false;
    home.next = free;
  } else {
    entry.next = home.first;
    home.first = free;
  }
  held++;
  return free;
}

/** Takes a key out of its chain. */
export function remove(number: u32): void {
  const entry = entryAt(number);
  let last = entry;
  while (!last.isLast) last = entryAt(last.next);
  const home = entryAt(last.next);
  if (home.first == number) {
    home.first = entry.isLast ? 0 : entry.next;
  } else {
    let before = entryAt(home.first);
    while (before.next != number) before = entryAt(before.next);
    before.next = entry.next;
    before.isLast = entry.isLast;
  }
  entry.hashLastFirst = entry.first;
  entry.newestNext = 0;
  entry.window = 0;
  held--;
}
