// Throttle windows: no interval of a window's length contains more admitted takes than the limit. The takes of a key are a log of
// runs. A run counts until its last take leaves the window, so that no take leaves too early.

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
import { add, Entry, find, findFree, layTable, linesFor, tableBytes } from "./table";

/** Maximum number of keys of a table: their runs must fit into 24-bit numbers. */
export const MOST_KEYS: u32 = 3700000;
/** Up to this limit, only takes of one millisecond share a run. */
const EXACT: u32 = 64;
/** Above it, the takes of a sixteenth of the window may share a run. */
const GRAIN_SHIFT: u32 = 4;
/** Latest time that fits into an entry, in milliseconds since the epoch: in the year 2109. */
const END_OF_TIME: f64 = 4398046511104 - 2147483648;

/**
 * Largest step back of the clock that only delays keys, in milliseconds. After a larger step the time before it counts as wrong:
 * otherwise keys that were used at that time would refuse takes for as long as the clock was ahead.
 */
const STEP_BACK: u64 = 3600000;

/** Takes refused because the table or the log was full. */
export let refusedFull: f64 = 0;
/** The latest time of a call. */
let latest: u64 = 0;

/** Size of the windows for a number of keys, in bytes. */
export function windowBytes(keys: u32): usize {
  return tableBytes(keys) + logBytes(runsFor(keys)) + boundsBytes(linesFor(keys));
}

/** Runs in the pool: two per key, plus the maximum number of one key. */
function runsFor(keys: u32): u32 {
  return (keys << 1) + MOST_RUNS;
}

/** Creates empty windows in zeroed memory at a multiple of 64. */
export function layWindows(at: usize, keys: u32): void {
  layTable(at, keys);
  at += tableBytes(keys);
  layLog(at, runsFor(keys));
  layBounds(at + logBytes(runsFor(keys)));
}

/** Age of a run at `at`, from the low bits of its time. */
// @ts-ignore: decorator
@inline
function ageOf(time: u32, at: u64): u32 {
  return u32(at) - time;
}

/** Number of takes that have left the window. */
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

/** Milliseconds from `at` until `excess` of the takes in the window have left it. */
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

/** Whether the oldest run may be removed: it has left the longest window, or the key has the maximum number of runs. */
function canYield(entry: Entry, at: u64, longest: u32): bool {
  return hasOlder(entry) && (ageOf(oldestTime(entry), at) >= longest || isLongest(entry));
}

/** Whether a take joins the newest run. Runs end at multiples of the grain. */
function joins(entry: Entry, at: u64, window: u32, limit: u32): bool {
  const since = at - entry.newest;
  if (!since) return true;
  const grain = limit > EXACT ? window >> GRAIN_SHIFT : 0;
  return grain > 1 && since <= at % grain;
}

/** Whether there is room for another run of this key. Makes room if possible. */
function canBegin(entry: Entry, at: u64, now: u64, longest: u32): bool {
  if (canYield(entry, at, longest)) return true;
  while (!hasRunFor(entry)) if (!dropSome(now)) return false;
  return true;
}

/** Begins a run with a take, after removing runs that have left the window. */
function beginRun(entry: Entry, at: u64): void {
  // Only a key with several window lengths can have too many runs. Then its oldest takes count as newer ones: never too lax.
  while (canYield(entry, at, entry.window)) {
    dropOldest(entry, ageOf(oldestTime(entry), at) >= entry.window);
  }
  begin(entry);
}

/** Milliseconds until there may be room. */
function waitForRoom(now: u64): f64 {
  return f64(earliest() - now);
}

function decideNew(hash: u64, now: u64, window: u32, limit: u32, record: bool): f64 {
  let entry = findFree(hash);
  if (!entry && dropSome(now)) entry = findFree(hash);
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

/** Makes a take the only one of an entry. */
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

  // Nothing is removed before the take is admitted: only an admitted take moves the key's clock, and a take at an earlier time
  // needs the takes of its own window.
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

/** Notes the time of a call, and corrects the takes if the clock was ahead until now. */
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
 * @returns 0 or more: admitted, and this number of further takes would be; negative: refused, minus the milliseconds to wait; NaN: an
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

/** Number of takes of the key with this hash in its window; NaN: an argument is out of range. */
export function count(hash: u64, nowMs: f64, windowMs: f64): f64 {
  if (!(nowMs >= 0 && nowMs < END_OF_TIME && windowMs > 0 && windowMs <= LONGEST_WINDOW)) return NaN;
  const now = <u64>(<i64>nowMs);
  observe(now);
  const entry = find(hash);
  if (!entry) return 0;
  return totalOf(entry) - left(entry, max(now, entry.newest), <u32>(<i64>ceil(windowMs)));
}

/** Empties the window of a key. Its entry stays until it expires. */
export function forget(hash: u64): void {
  const entry = find(hash);
  if (entry) clear(entry);
}
