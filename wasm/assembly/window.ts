// Throttle windows: in no interval of a window's length are more takes admitted than the limit. A key's takes are kept
// as a log of runs; a run is counted until its last take leaves the window, so that it never leaves too early.

import { dropOne, droppedUntil, earliest, heapBytes, layHeap, tidy, track } from "./expiry";
import { append, clear, dropOldest, hasRun, layLog, lengthOf, logBytes, LONGEST, oldest, oldestTime, runAt } from "./log";
import { add, Entry, entryAt, find, hasRoom, layTable, tableBytes } from "./table";

/** Keys that a table can have at most: their slots have to be numbered. */
export const MOST_KEYS: u32 = 3700000;
/** Up to this limit every take is a run of its own, unless two are in one millisecond. */
const EXACT: u32 = 64;
/** Above it, the takes of a sixteenth of the window may be one run. */
const GRAIN_SHIFT: u32 = 4;
/** What the heap has room for: milliseconds since the epoch, until the year 2109. */
const END_OF_TIME: f64 = 4398046511104 - 2147483648;
/**
 * 24 days. When it is looked at again, a run may be as old as two windows and a grain, which has to fit into 32 bits.
 */
const LONGEST_WINDOW: f64 = 2073600000;

/** Takes refused because the table or the log was full. */
export let refusedFull: f64 = 0;

/** Bytes that windows for so many keys take. */
export function windowBytes(keys: u32): usize {
  return padded(heapBytes(keys)) + padded(tableBytes(keys)) + logBytes(runsFor(keys));
}

/** Runs in the pool: one and a quarter a key, and enough for one key to fill its log. */
function runsFor(keys: u32): u32 {
  return keys + (keys >> 2) + LONGEST;
}

/** Lays an empty table out over zeroed memory at a multiple of 64. */
export function layWindows(at: usize, keys: u32): void {
  layHeap(at);
  at += padded(heapBytes(keys));
  layTable(at, keys);
  layLog(at + padded(tableBytes(keys)), runsFor(keys));
}

/** Rounded up to whole cache lines. */
function padded(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** How long before `at` a run was, from the low bits of its time. */
// @ts-ignore: decorator
@inline
function ageOf(time: u32, at: u64): u32 {
  return u32(at) - time;
}

/** Takes of the log that have left the window. */
function left(entry: Entry, at: u64, window: u32): u32 {
  if (at - entry.newest >= window) return entry.total;
  if (!entry.log || ageOf(oldestTime(entry), at) < window) return 0;
  let run = oldest(entry);
  let count = run.count;
  for (let i = lengthOf(entry); i > 1; i--) {
    run = runAt(run.next);
    if (ageOf(run.time, at) < window) break;
    count += run.count;
  }
  return count;
}

/** Milliseconds from `at` until `excess` takes that are in the window will have left it. */
function waitFor(entry: Entry, at: u64, window: u32, excess: u32): u32 {
  if (entry.log) {
    let run = oldest(entry);
    for (let i = lengthOf(entry); i > 0; i--) {
      const age = ageOf(run.time, at);
      if (age < window) {
        if (excess <= run.count) return window - age;
        excess -= run.count;
      }
      run = runAt(run.next);
    }
  }
  return window - u32(at - entry.newest);
}

/** Whether the oldest run of the log may be dropped: it has left the longest window, or the log is as long as may be. */
function canYield(entry: Entry, at: u64, longest: u32): bool {
  return entry.log != 0 && (ageOf(oldestTime(entry), at) >= longest || lengthOf(entry) == LONGEST);
}

/** Whether a take belongs to the newest run. Runs end at multiples of the grain. */
function joins(entry: Entry, at: u64, window: u32, limit: u32): bool {
  if (entry.newest == at) return true;
  const grain = limit > EXACT ? window >> GRAIN_SHIFT : 0;
  return grain > 1 && entry.newest / grain == at / grain;
}

/** Whether there is a run to put the newest one into when another begins. */
function hasRunFor(entry: Entry, at: u64, now: u64, longest: u32): bool {
  if (canYield(entry, at, longest)) return true;
  while (!hasRun()) if (!dropOne(now)) return false;
  return true;
}

/** Moves the newest run to the log, from which it drops what has left. */
function archive(entry: Entry, at: u64): void {
  while (canYield(entry, at, entry.window)) {
    const gone = ageOf(oldestTime(entry), at) >= entry.window;
    const count = dropOldest(entry);
    // Only a key that is asked for with several windows fills its log. To count takes as newer ones admits nothing.
    if (gone) entry.total -= count;
    else oldest(entry).count += count;
  }
  append(entry, u32(entry.newest), entry.latest);
  entry.latest = 0;
}

/** Milliseconds until there may be room again. */
function waitForRoom(now: u64): f64 {
  return f64(earliest() - now);
}

function decideNew(hash: u64, now: u64, window: u32, limit: u32, record: bool): f64 {
  if (!hasRoom() && !dropOne(now)) {
    if (record) refusedFull++;
    return -waitForRoom(now);
  }
  if (!record) return limit;
  const number = add(hash);
  const entry = entryAt(number);
  entry.newest = max(now, droppedUntil);
  entry.window = window;
  entry.total = 1;
  entry.latest = 1;
  entry.log = 0;
  track(number);
  return limit - 1;
}

function decideKnown(entry: Entry, now: u64, window: u32, limit: u32, record: bool): f64 {
  const at = max(now, entry.newest);
  const longest = max(entry.window, window);
  if (at - entry.newest >= longest) {
    if (!record) return limit;
    clear(entry);
    entry.newest = at;
    entry.window = window;
    entry.total = 1;
    entry.latest = 1;
    return limit - 1;
  }

  // Until the take is admitted nothing is dropped: only a newer take moves the key's clock, and an earlier one must
  // find what counts for it.
  const count = entry.total - left(entry, at, window);
  if (count >= limit) return -f64(waitFor(entry, at, window, count - limit + 1) + (at - now));

  const apart = entry.total > 0 && !joins(entry, at, window, limit);
  if (record) entry.window = longest;
  if (apart && !hasRunFor(entry, at, now, longest)) {
    if (record) refusedFull++;
    const own = entry.log ? f64(longest - ageOf(oldestTime(entry), at) + (at - now)) : Infinity;
    return -min(own, waitForRoom(now));
  }
  if (!record) return limit - count;
  if (apart) archive(entry, at);
  entry.newest = at;
  entry.total++;
  entry.latest++;
  return limit - count - 1;
}

/**
 * Decides one take of the key with this hash and, if `record`, counts it.
 * @returns how many more would be admitted now (0 or more: admitted), or minus the milliseconds to wait, or NaN: an
 * argument is out of range
 */
export function decide(hash: u64, nowMs: f64, windowMs: f64, limit: f64, record: bool): f64 {
  if (!(nowMs >= 0 && nowMs < END_OF_TIME && windowMs > 0 && windowMs <= LONGEST_WINDOW) || isNaN(limit)) return NaN;
  const window = <u32>(<i64>ceil(windowMs));
  if (limit < 1) return -f64(window);
  const most = <u32>(<i64>min<f64>(limit, i32.MAX_VALUE));
  const now = <u64>(<i64>nowMs);
  if (record) tidy(now);
  const number = find(hash);
  return number ? decideKnown(entryAt(number), now, window, most, record) : decideNew(hash, now, window, most, record);
}

/** Empties a key's window. Its entry goes when it would have gone. */
export function forget(hash: u64): void {
  const number = find(hash);
  if (!number) return;
  const entry = entryAt(number);
  clear(entry);
  entry.total = 0;
  entry.latest = 0;
}
