// Throttle windows: in no interval of a window's length are more takes admitted than the limit. A key's takes are kept
// as a log of runs; a run is counted until its last take leaves the window, so that it never leaves too early.

import { boundsBytes, dropSome, droppedUntil, earliest, layBounds, setBack, tidy, track } from "./expiry";
import { LONGEST_WINDOW } from "./lengths";
import {
  begin,
  clear,
  dropOldest,
  extend,
  hasOlder,
  hasRunFor,
  isLongest,
  layLog,
  logBytes,
  LONGEST as MOST_RUNS,
  newestOf,
  oldestTime,
  runAt,
  totalOf,
} from "./log";
import { add, Entry, find, layTable, linesFor, tableBytes, vacancy } from "./table";

/** Keys that a table can have at most: their runs have to be numbered. */
export const MOST_KEYS: u32 = 3700000;
/** Up to this limit every take is a run of its own, unless two are in one millisecond. */
const EXACT: u32 = 64;
/** Above it, the takes of a sixteenth of the window may be one run. */
const GRAIN_SHIFT: u32 = 4;
/** What an entry has room for: milliseconds since the epoch, until the year 2109. */
const END_OF_TIME: f64 = 4398046511104 - 2147483648;

/**
 * How far the clock may step back before the kernels hold that it was wrong until then, in milliseconds. Up to here it only
 * makes keys wait; beyond, keys that were used at the wrong time would be shut for as long as that was ahead.
 */
const STEP_BACK: u64 = 3600000;

/** Takes refused because the table or the log was full. */
export let refusedFull: f64 = 0;
/** The latest time that a call came with. */
let latest: u64 = 0;

/** Bytes that windows for so many keys take. */
export function windowBytes(keys: u32): usize {
  return tableBytes(keys) + logBytes(runsFor(keys)) + boundsBytes(linesFor(keys));
}

/** Runs in the pool: two a key, and enough for one key to have as many as it may. */
function runsFor(keys: u32): u32 {
  return (keys << 1) + MOST_RUNS;
}

/** Lays an empty table out over zeroed memory at a multiple of 64. */
export function layWindows(at: usize, keys: u32): void {
  layTable(at, keys);
  at += tableBytes(keys);
  layLog(at, runsFor(keys));
  layBounds(at + logBytes(runsFor(keys)));
}

/** How long before `at` a run was, from the low bits of its time. */
// @ts-ignore: decorator
@inline
function ageOf(time: u32, at: u64): u32 {
  return u32(at) - time;
}

/** Held takes that have left the window. */
function left(entry: Entry, at: u64, window: u32): u32 {
  if (at - entry.newest >= window) return totalOf(entry);
  if (!hasOlder(entry) || ageOf(oldestTime(entry), at) < window) return 0;
  const newest = newestOf(entry);
  let count: u32 = 0;
  for (let run = runAt(newest.next); run != newest && ageOf(run.time, at) >= window; run = runAt(run.next)) {
    count += run.count;
  }
  return count;
}

/** Milliseconds from `at` until `excess` takes that are in the window will have left it. */
function waitFor(entry: Entry, at: u64, window: u32, excess: u32): u32 {
  if (hasOlder(entry)) {
    const newest = newestOf(entry);
    for (let run = runAt(newest.next); run != newest; run = runAt(run.next)) {
      const age = ageOf(run.time, at);
      if (age < window) {
        if (excess <= run.count) return window - age;
        excess -= run.count;
      }
    }
  }
  return window - u32(at - entry.newest);
}

/** Whether the oldest run may be dropped: it has left the longest window, or the key has as many runs as it may. */
function canYield(entry: Entry, at: u64, longest: u32): bool {
  return hasOlder(entry) && (ageOf(oldestTime(entry), at) >= longest || isLongest(entry));
}

/** Whether a take belongs to the newest run. Runs end at multiples of the grain. */
function joins(entry: Entry, at: u64, window: u32, limit: u32): bool {
  const since = at - entry.newest;
  if (!since) return true;
  const grain = limit > EXACT ? window >> GRAIN_SHIFT : 0;
  return grain > 1 && since <= at % grain;
}

/** Whether there is room for another run of this key, or may be made. */
function canBegin(entry: Entry, at: u64, now: u64, longest: u32): bool {
  if (canYield(entry, at, longest)) return true;
  while (!hasRunFor(entry)) if (!dropSome(now)) return false;
  return true;
}

/** Begins a run with a take, after dropping what has left. */
function beginRun(entry: Entry, at: u64): void {
  // Only a key that is asked for with several windows has too many runs. To count takes as newer ones admits nothing.
  while (canYield(entry, at, entry.window)) {
    dropOldest(entry, ageOf(oldestTime(entry), at) >= entry.window);
  }
  begin(entry);
}

/** Milliseconds until there may be room again. */
function waitForRoom(now: u64): f64 {
  return f64(earliest() - now);
}

function decideNew(hash: u64, now: u64, window: u32, limit: u32, record: bool): f64 {
  let entry = vacancy(hash);
  if (!entry && dropSome(now)) entry = vacancy(hash);
  if (!entry) {
    if (record) refusedFull++;
    return -waitForRoom(now);
  }
  if (!record) return limit;
  add(hash, entry);
  restart(entry, max(now, droppedUntil), window);
  track(entry);
  return limit - 1;
}

/** Makes a take the only one that is held. */
function restart(entry: Entry, at: u64, window: u32): void {
  entry.newest = at;
  entry.window = window;
  entry.takes = 1;
}

function decideKnown(entry: Entry, now: u64, window: u32, limit: u32, record: bool): f64 {
  const at = max(now, entry.newest);
  const longest = max(entry.window, window);
  if (at - entry.newest >= longest) {
    if (!record) return limit;
    clear(entry);
    restart(entry, at, window);
    return limit - 1;
  }

  // Until the take is admitted nothing is dropped: only a newer take moves the key's clock, and an earlier one must
  // find what counts for it.
  const total = totalOf(entry);
  const count = total - left(entry, at, window);
  if (count >= limit) return -f64(waitFor(entry, at, window, count - limit + 1) + (at - now));

  const apart = total > 0 && !joins(entry, at, window, limit);
  if (record && longest != entry.window) entry.window = longest;
  if (apart && !canBegin(entry, at, now, longest)) {
    if (record) refusedFull++;
    const own = hasOlder(entry) ? f64(longest - ageOf(oldestTime(entry), at) + (at - now)) : Infinity;
    return -min(own, waitForRoom(now));
  }
  if (!record) return limit - count;
  if (apart) beginRun(entry, at);
  else extend(entry);
  entry.newest = at;
  return limit - count - 1;
}

/** Keeps up with the caller's clock. */
function observe(now: u64): void {
  if (now + STEP_BACK < latest) {
    setBack(now);
    latest = now;
  } else if (now > latest) {
    latest = now;
  }
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
  observe(now);
  if (record) tidy(now);
  const entry = find(hash);
  return entry ? decideKnown(entry, now, window, most, record) : decideNew(hash, now, window, most, record);
}

/** Takes of the key with this hash that are in its window; NaN: an argument is out of range. */
export function count(hash: u64, nowMs: f64, windowMs: f64): f64 {
  if (!(nowMs >= 0 && nowMs < END_OF_TIME && windowMs > 0 && windowMs <= LONGEST_WINDOW)) return NaN;
  const now = <u64>(<i64>nowMs);
  observe(now);
  const entry = find(hash);
  if (!entry) return 0;
  return totalOf(entry) - left(entry, max(now, entry.newest), <u32>(<i64>ceil(windowMs)));
}

/** Empties a key's window. Its entry goes when it would have gone. */
export function forget(hash: u64): void {
  const entry = find(hash);
  if (entry) clear(entry);
}
