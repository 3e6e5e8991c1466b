// Which entries have expired: a 4-ary heap of (no earlier than, entry). An entry's expiry only moves on, so what the
// heap says is put right when it comes to the top and not with every take.

import { clear } from "./log";
import { Entry, entryAt, held, isTight, NUMBER_BITS, remove } from "./table";

/** Steps that one take spends on a table that is nearly full, so that no single take has to do all the work. */
const STEPS = 8;

let heap: usize = 0;
/** The latest expiry of an entry that was dropped. A new key's clock starts no earlier: it may be that key again. */
export let droppedUntil: u64 = 0;

export function heapBytes(keys: u32): usize {
  return usize(keys) << 3;
}

export function layHeap(at: usize): void {
  heap = at;
}

// @ts-ignore: decorator
@inline
function itemAt(position: u32): u64 {
  return load<u64>(heap + (usize(position) << 3));
}

// @ts-ignore: decorator
@inline
function setItem(position: u32, item: u64): void {
  store<u64>(heap + (usize(position) << 3), item);
}

// @ts-ignore: decorator
@inline
function itemOf(expiry: u64, number: u32): u64 {
  return (expiry << NUMBER_BITS) | number;
}

// @ts-ignore: decorator
@inline
function expiryOf(entry: Entry): u64 {
  return entry.newest + entry.window;
}

/** Enters a key that was just added. */
export function track(number: u32): void {
  const item = itemOf(expiryOf(entryAt(number)), number);
  let position = held - 1;
  while (position > 0) {
    const parent = (position - 1) >> 2;
    const above = itemAt(parent);
    if (above <= item) break;
    setItem(position, above);
    position = parent;
  }
  setItem(position, item);
}

/** Puts an item in at the top and lets it sink. */
function sink(item: u64, size: u32): void {
  let position: u32 = 0;
  for (;;) {
    const first = (position << 2) + 1;
    if (first >= size) break;
    const end = min(first + 4, size);
    let least = first;
    let below = itemAt(first);
    for (let child = first + 1; child < end; child++) {
      const other = itemAt(child);
      if (other < below) {
        below = other;
        least = child;
      }
    }
    if (item <= below) break;
    setItem(position, below);
    position = least;
  }
  if (size) setItem(position, item);
}

/** Drops the entry at the top if it has expired, else puts its expiry right. */
function settle(now: u64): void {
  const number = u32(itemAt(0)) & ((1 << NUMBER_BITS) - 1);
  const entry = entryAt(number);
  const expiry = expiryOf(entry);
  if (expiry > now) {
    sink(itemOf(expiry, number), held);
    return;
  }
  droppedUntil = max(droppedUntil, expiry);
  clear(entry);
  remove(number);
  sink(itemAt(held), held);
}

/** No entry expires before this. */
export function earliest(): u64 {
  return held ? itemAt(0) >> NUMBER_BITS : 0;
}

/** Whether the entry at the top may have expired. */
// @ts-ignore: decorator
@inline
function isDue(now: u64): bool {
  return held > 0 && earliest() <= now;
}

/** Keeps ahead of a table that fills up. */
export function tidy(now: u64): void {
  if (!isTight()) return;
  for (let i = 0; i < STEPS && isDue(now); i++) settle(now);
}

/** Drops an expired entry if there is one, and tells whether it did. */
export function dropOne(now: u64): bool {
  const before = held;
  while (isDue(now)) {
    settle(now);
    if (held < before) return true;
  }
  return false;
}
