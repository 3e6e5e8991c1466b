// The hash table of windows: 16-byte entries, four per cache line of the processor. A key belongs to one line, its home; if that
// is full, the key is in the first line after it with a free entry. So most look-ups touch one cache line. Entries never move,
// and unused memory is zero, so that a large table takes only as much memory as was used.

import { lengthOf, LONGEST_WINDOW, numberOf } from "./lengths";

/** Bytes of an entry, and of a line. */
const ENTRY = 16;
const LINE = 64;
export const KEYS_IN_LINE: u32 = 4;

// An entry's head, from its low bits: the overflow count of its line (see overflowAt), the distance of its key from home in
// lines, the number of its window length, the high bits of its clock, the high bits of its key's hash.
const OVERFLOW: u64 = 15;
const DISTANCE_SHIFT = 4;
const DISTANCE: u64 = 0x3ff << DISTANCE_SHIFT;
const WINDOW_SHIFT = 14;
const WINDOW: u64 = 0xff << WINDOW_SHIFT;
const CLOCK_SHIFT = 22;
const CLOCK: u64 = 0x3ff << CLOCK_SHIFT;
const HASH_SHIFT = 32;
const REST: u64 = (<u64>1 << HASH_SHIFT) - 1;

/** The window of one key, or a free entry. */
// @ts-ignore: decorator
@unmanaged
export class Entry {
  head: u64;
  /** The low bits of the key's clock. */
  clock: u32;
  /** The takes, in the form of log.ts. */
  takes: u32;

  /** The longest window length of a live take. */
  // @ts-ignore: decorator
  @inline
  get window(): u32 {
    return lengthOf(u32((this.head & WINDOW) >> WINDOW_SHIFT));
  }

  set window(window: u32) {
    this.head = (this.head & ~WINDOW) | (u64(numberOf(window)) << WINDOW_SHIFT);
  }

  // @ts-ignore: decorator
  @inline
  get isFree(): bool {
    return (this.head & WINDOW) == 0;
  }

  /** The key's clock, which never goes back: the time of the newest take, in milliseconds since the epoch. */
  // @ts-ignore: decorator
  @inline
  get newest(): u64 {
    return (((this.head & CLOCK) >> CLOCK_SHIFT) << 32) | this.clock;
  }

  // @ts-ignore: decorator
  @inline
  set newest(time: u64) {
    this.head = (this.head & ~CLOCK) | ((time >> 32) << CLOCK_SHIFT);
    this.clock = u32(time);
  }

  // @ts-ignore: decorator
  @inline
  isOf(hash: u64): bool {
    return (this.head ^ hash) <= REST && !this.isFree;
  }

  /** Assigns the entry to a key, at this distance from its home. */
  // @ts-ignore: decorator
  @inline
  assign(hash: u64, distance: u32): void {
    this.head = (hash & ~REST) | (u64(distance) << DISTANCE_SHIFT) | (this.head & OVERFLOW);
  }
}

let base: usize = 0;
export let lines: u32 = 0;
let capacity: u32 = 0;
/** Longest distance of a key from its home. In one of forty full tables some key is 256 or more lines away from home. */
let reach: u32 = 0;
export let count: u32 = 0;

/** Lines for a number of keys. A ninth of the entries stays free, so that a key whose home is full finds a free entry near. */
export function linesFor(keys: u32): u32 {
  return u32((u64(keys) * 9) >> 5) + 1;
}

/** Size of a table for a number of keys, in bytes. */
export function tableBytes(keys: u32): usize {
  return usize(linesFor(keys)) * LINE;
}

/** Creates an empty table in zeroed memory at a multiple of 64. */
export function layTable(at: usize, keys: u32): void {
  base = at;
  lines = linesFor(keys);
  capacity = keys;
  reach = min<u32>(lines - 1, u32(DISTANCE >> DISTANCE_SHIFT));
}

/** Whether the table is so full that expired entries should be removed. */
export function isTight(): bool {
  return count > capacity - (capacity >> 3);
}

// @ts-ignore: decorator
@inline
function homeOf(hash: u64): u32 {
  return u32(((hash & REST) * lines) >> HASH_SHIFT);
}

// @ts-ignore: decorator
@inline
function after(line: u32): u32 {
  return line + 1 == lines ? 0 : line + 1;
}

/** The line of an entry. */
export function lineOf(entry: Entry): u32 {
  return u32((changetype<usize>(entry) - base) / LINE);
}

/** One of the entries of a line. */
// @ts-ignore: decorator
@inline
export function entryIn(line: u32, which: u32): Entry {
  return changetype<Entry>(base + usize(line) * LINE + usize(which) * ENTRY);
}

/**
 * Address of the overflow count of a line: the number of keys that live in later lines because this line was full. A line has
 * four counts, each for a quarter of all hashes, so that the search for an absent key ends early. A count at its maximum stays
 * there.
 */
// @ts-ignore: decorator
@inline
function overflowAt(line: u32, hash: u64): usize {
  return changetype<usize>(entryIn(line, u32(hash >> HASH_SHIFT) & 3));
}

function addOverflow(at: usize, change: i64): void {
  const head = load<u64>(at);
  if ((head & OVERFLOW) != OVERFLOW) store<u64>(at, head + change);
}

/** The entry of a key. */
export function find(hash: u64): Entry | null {
  let line = homeOf(hash);
  for (let distance: u32 = 0; distance <= reach; distance++) {
    let entry = entryIn(line, 0);
    if (entry.isOf(hash)) return entry;
    entry = entryIn(line, 1);
    if (entry.isOf(hash)) return entry;
    entry = entryIn(line, 2);
    if (entry.isOf(hash)) return entry;
    entry = entryIn(line, 3);
    if (entry.isOf(hash)) return entry;
    if (!(load<u8>(overflowAt(line, hash)) & OVERFLOW)) return null;
    line = after(line);
  }
  return null;
}

/** A free entry for a new key, if the table has room for one. */
export function findFree(hash: u64): Entry | null {
  if (count >= capacity) return null;
  let line = homeOf(hash);
  for (let distance: u32 = 0; distance <= reach; distance++) {
    for (let i: u32 = 0; i < KEYS_IN_LINE; i++) {
      const entry = entryIn(line, i);
      if (entry.isFree) return entry;
    }
    line = after(line);
  }
  return null;
}

/** Assigns a free entry to a key. The caller sets the entry's window, takes and clock. */
export function add(hash: u64, entry: Entry): void {
  const last = lineOf(entry);
  let distance: u32 = 0;
  for (let line = homeOf(hash); line != last; line = after(line)) {
    addOverflow(overflowAt(line, hash), 1);
    distance++;
  }
  entry.assign(hash, distance);
  count++;
}

/** Frees a key's entry. */
export function remove(entry: Entry): void {
  const head = entry.head;
  let line = lineOf(entry);
  for (let distance = (head & DISTANCE) >> DISTANCE_SHIFT; distance > 0; distance--) {
    line = (line ? line : lines) - 1;
    addOverflow(overflowAt(line, head), -1);
  }
  entry.assign(0, 0);
  count--;
}
