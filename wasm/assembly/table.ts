// Where windows are kept: a hash table of 16-byte entries, four to a line of the processor's cache. A key belongs to one
// line and lives there or, when that is full, in the first after it that is not, so that most look-ups touch one cache
// line. Nothing ever moves, and everything is zero at first, so that a large table costs no more memory than has been
// used of it.

import { lengthOf, LONGEST_WINDOW, numberOf } from "./lengths";

/** Bytes of an entry, and of a line. */
const ENTRY = 16;
const LINE = 64;
export const KEYS_IN_LINE: u32 = 4;

// An entry's head, from its low bits: how many keys went on from here, how far its key has gone, the number of its window,
// the high bits of its clock, the high bits of its key's hash.
const ON: u64 = 15;
const FAR_SHIFT = 4;
const FAR: u64 = 0x3ff << FAR_SHIFT;
const WINDOW_SHIFT = 14;
const WINDOW: u64 = 0xff << WINDOW_SHIFT;
const CLOCK_SHIFT = 22;
const CLOCK: u64 = 0x3ff << CLOCK_SHIFT;
const HASH_SHIFT = 32;
const REST: u64 = (<u64>1 << HASH_SHIFT) - 1;

/** What is held of one key, if any. */
// @ts-ignore: decorator
@unmanaged
export class Entry {
  head: u64;
  /** The low bits of the key's clock. */
  clock: u32;
  /** The takes that are held, as log.ts has them. */
  takes: u32;

  /** The longest window that a live take was asked for with. */
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

  /** The key's own clock, which never goes back: when the newest take was, in milliseconds since the epoch. */
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

  /** Makes it this key's, which has gone so many lines to get here. */
  // @ts-ignore: decorator
  @inline
  beOf(hash: u64, far: u32): void {
    this.head = (hash & ~REST) | (u64(far) << FAR_SHIFT) | (this.head & ON);
  }
}

let base: usize = 0;
export let lines: u32 = 0;
let capacity: u32 = 0;
/** How far from its home a key may live: in a full table, one in forty has a key that lives 256 lines away or farther. */
let reach: u32 = 0;
export let held: u32 = 0;

/** Lines for so many keys: a ninth of the room stays free, for a key whose home is full to find some near. */
export function linesFor(keys: u32): u32 {
  return u32((u64(keys) * 9) >> 5) + 1;
}

/** Bytes that a table of so many keys takes. */
export function tableBytes(keys: u32): usize {
  return usize(linesFor(keys)) * LINE;
}

/** Lays an empty table out over zeroed memory at a multiple of 64. */
export function layTable(at: usize, keys: u32): void {
  base = at;
  lines = linesFor(keys);
  capacity = keys;
  reach = min<u32>(lines - 1, u32(FAR >> FAR_SHIFT));
}

/** Whether so little room is left that expired entries should be looked for. */
export function isTight(): bool {
  return held > capacity - (capacity >> 3);
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

/** The line that an entry is in. */
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
 * Where a line counts the keys that went on because it was full: those of one kind of four, so that to look for a key that
 * is not there ends soon. A count that has come to the most that it can be stays there.
 */
// @ts-ignore: decorator
@inline
function onAt(line: u32, hash: u64): usize {
  return changetype<usize>(entryIn(line, u32(hash >> HASH_SHIFT) & 3));
}

function countOn(at: usize, change: i64): void {
  const head = load<u64>(at);
  if ((head & ON) != ON) store<u64>(at, head + change);
}

/** A key's entry. */
export function find(hash: u64): Entry | null {
  let line = homeOf(hash);
  for (let far: u32 = 0; far <= reach; far++) {
    let entry = entryIn(line, 0);
    if (entry.isOf(hash)) return entry;
    entry = entryIn(line, 1);
    if (entry.isOf(hash)) return entry;
    entry = entryIn(line, 2);
    if (entry.isOf(hash)) return entry;
    entry = entryIn(line, 3);
    if (entry.isOf(hash)) return entry;
    if (!(load<u8>(onAt(line, hash)) & ON)) return null;
    line = after(line);
  }
  return null;
}

/** A free entry for a key that has none, if the table may take another key. */
export function vacancy(hash: u64): Entry | null {
  if (held >= capacity) return null;
  let line = homeOf(hash);
  for (let far: u32 = 0; far <= reach; far++) {
    for (let i: u32 = 0; i < KEYS_IN_LINE; i++) {
      const entry = entryIn(line, i);
      if (entry.isFree) return entry;
    }
    line = after(line);
  }
  return null;
}

/** Gives a key the entry that was free for it. The entry's window, takes and clock are the caller's to set. */
export function add(hash: u64, entry: Entry): void {
  const last = lineOf(entry);
  let far: u32 = 0;
  for (let line = homeOf(hash); line != last; line = after(line)) {
    countOn(onAt(line, hash), 1);
    far++;
  }
  entry.beOf(hash, far);
  held++;
}

/** Frees a key's entry. */
export function remove(entry: Entry): void {
  const head = entry.head;
  let line = lineOf(entry);
  for (let far = (head & FAR) >> FAR_SHIFT; far > 0; far--) {
    line = (line ? line : lines) - 1;
    countOn(onAt(line, head), -1);
  }
  entry.beOf(0, 0);
  held--;
}
