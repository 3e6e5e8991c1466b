// Where windows are kept: one entry a key, found through an open-addressing index of 32-bit slots. Everything is zero
// at first, so that a large table costs no more memory than has been used of it.

/** Bits of an entry's number; 0 is no entry. */
export const NUMBER_BITS = 22;
const NUMBER_MASK: u32 = (1 << NUMBER_BITS) - 1;
/** Bytes of an entry. */
const ENTRY = 32;

// @ts-ignore: decorator
@unmanaged
export class Entry {
  hash: u64;
  /** When the newest take was, in milliseconds since the epoch. The key's own clock never goes back behind it. */
  newest: u64;
  /** The longest window that a live take was asked for with. */
  window: u32;
  /** How many takes are held. */
  total: u32;
  /** How many of them are in the newest run; the older runs are in the log. */
  latest: u32;
  /** The log, as log.ts has it. */
  log: u32;
}

let entries: usize = 0;
let index: usize = 0;
let mask: u32 = 0;
let capacity: u32 = 0;
let unused: u32 = 0; // entries from this number on were never used
let freed: u32 = 0; // first of the entries given back, linked through `log`
export let held: u32 = 0;

/** Slots of the index for so many keys: at most two thirds of them get used. */
function slotsFor(keys: u32): u32 {
  let slots: u32 = 2;
  while (slots < keys + (keys >> 1) + 1) slots <<= 1;
  return slots;
}

/** Bytes that a table of so many keys takes. */
export function tableBytes(keys: u32): usize {
  return usize(keys + 1) * ENTRY + usize(slotsFor(keys)) * 4;
}

/** Lays an empty table out over zeroed memory. */
export function layTable(at: usize, keys: u32): void {
  entries = at;
  index = at + usize(keys + 1) * ENTRY;
  mask = slotsFor(keys) - 1;
  capacity = keys;
  unused = 1;
}

/** Whether another key can be added. */
export function hasRoom(): bool {
  return held < capacity;
}

/** Whether so few entries are left that expired ones should be looked for. */
export function isTight(): bool {
  return held > capacity - (capacity >> 3);
}

// @ts-ignore: decorator
@inline
export function entryAt(number: u32): Entry {
  return changetype<Entry>(entries + usize(number) * ENTRY);
}

// @ts-ignore: decorator
@inline
function slotAt(position: u32): usize {
  return index + (usize(position) << 2);
}

/** What a slot holds of a key: ten bits of its hash, which spare most looks at other keys' entries. */
// @ts-ignore: decorator
@inline
function markOf(hash: u64): u32 {
  return u32(hash >> 32) & ~NUMBER_MASK;
}

/** The number of a key's entry, or 0. */
export function find(hash: u64): u32 {
  const mark = markOf(hash);
  let position = u32(hash) & mask;
  let slot = load<u32>(slotAt(position));
  while (slot) {
    if ((slot & ~NUMBER_MASK) == mark && entryAt(slot & NUMBER_MASK).hash == hash) return slot & NUMBER_MASK;
    position = (position + 1) & mask;
    slot = load<u32>(slotAt(position));
  }
  return 0;
}

/** Adds a key that is not there; there has to be room. The entry's fields are the caller's to set. */
export function add(hash: u64): u32 {
  let number = freed;
  if (number) freed = entryAt(number).log;
  else number = unused++;
  let position = u32(hash) & mask;
  while (load<u32>(slotAt(position))) position = (position + 1) & mask;
  store<u32>(slotAt(position), markOf(hash) | number);
  entryAt(number).hash = hash;
  held++;
  return number;
}

/** Takes a key out and moves those that had to make way for it back, so that no probe meets a false end. */
export function remove(number: u32): void {
  const entry = entryAt(number);
  let hole = u32(entry.hash) & mask;
  while ((load<u32>(slotAt(hole)) & NUMBER_MASK) != number) hole = (hole + 1) & mask;
  for (let position = (hole + 1) & mask; ; position = (position + 1) & mask) {
    const slot = load<u32>(slotAt(position));
    if (!slot) break;
    const home = u32(entryAt(slot & NUMBER_MASK).hash) & mask;
    // It may move if its home is not behind the hole, counted around the ring.
    if (((position - home) & mask) >= ((position - hole) & mask)) {
      store<u32>(slotAt(hole), slot);
      hole = position;
    }
  }
  store<u32>(slotAt(hole), 0);
  entry.log = freed;
  freed = number;
  held--;
}
