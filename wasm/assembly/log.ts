// A key's takes, in runs that leave the window together. One run is a number in the entry: the newest, which most keys
// have no other beside. More of them are a ring of small nodes out of one shared pool, from the newest round to the
// oldest; the newest knows when the oldest was and how many takes there are in all, because most takes ask no more.

import { Entry } from "./table";

/** Runs that one key may keep; no single limit needs more. */
export const LONGEST: u32 = 65;
/** Bytes of a run. */
const RUN = 16;
/** What says that an entry's takes are a ring: this, its length and its newest run. */
const RING: u32 = 0x80000000;
const ONE: u32 = 0x01000000;
const LENGTH: u32 = RING - ONE;
const NUMBER: u32 = ONE - 1;

/** Takes that leave the window together. */
// @ts-ignore: decorator
@unmanaged
export class Run {
  /**
   * When the last of them was: the low 32 bits of milliseconds since the epoch. In the newest, whose own time the entry
   * knows: when the oldest run was.
   */
  time: u32;
  count: u32;
  /** The next newer one; of the newest: the oldest. */
  next: u32;
  /** In the newest: all takes of the ring. */
  total: u32;
}

let runs: usize = 0;
/** How many runs are to be had. */
let left: u32 = 0;
let unused: u32 = 0; // runs from this number on were never used
let freed: u32 = 0; // first of the runs given back

/** Bytes that so many runs take. */
export function logBytes(count: u32): usize {
  return usize(count + 1) * RUN;
}

/** Lays the empty pool out. */
export function layLog(at: usize, count: u32): void {
  runs = at;
  left = count;
  unused = 1;
}

// @ts-ignore: decorator
@inline
export function runAt(number: u32): Run {
  return changetype<Run>(runs + usize(number) * RUN);
}

/** The newest run of several. */
// @ts-ignore: decorator
@inline
export function newestOf(entry: Entry): Run {
  return runAt(entry.takes & NUMBER);
}

/** Whether there are older runs than the newest. */
// @ts-ignore: decorator
@inline
export function hasOlder(entry: Entry): bool {
  return (entry.takes & RING) != 0;
}

/** Whether the key keeps as many runs as it may. */
// @ts-ignore: decorator
@inline
export function isLongest(entry: Entry): bool {
  return (entry.takes & ~NUMBER) == (RING | (LONGEST * ONE));
}

/** When the oldest run of several was. */
// @ts-ignore: decorator
@inline
export function oldestTime(entry: Entry): u32 {
  return newestOf(entry).time;
}

/** How many takes are held. */
// @ts-ignore: decorator
@inline
export function totalOf(entry: Entry): u32 {
  return hasOlder(entry) ? newestOf(entry).total : entry.takes;
}

/** Counts one take more in the newest run. */
// @ts-ignore: decorator
@inline
export function extend(entry: Entry): void {
  if (hasOlder(entry)) {
    const newest = newestOf(entry);
    newest.count++;
    newest.total++;
  } else {
    entry.takes++;
  }
}

/** Whether the pool has what `begin` needs. */
export function hasRunFor(entry: Entry): bool {
  return left >= (hasOlder(entry) ? 1 : 2);
}

function take(): u32 {
  left--;
  const number = freed;
  if (!number) return unused++;
  freed = runAt(number).next;
  return number;
}

function give(number: u32): void {
  runAt(number).next = freed;
  freed = number;
  left++;
}

/** Begins another run, of one take, behind the one that ended at the entry's clock; the pool has to have room. */
export function begin(entry: Entry): void {
  let newest = entry.takes & NUMBER;
  if (!hasOlder(entry)) {
    newest = take();
    const only = runAt(newest);
    only.count = entry.takes;
    only.total = entry.takes;
    only.next = newest;
    only.time = u32(entry.newest);
    entry.takes = RING | ONE;
  }
  const number = take();
  const run = runAt(number);
  const before = runAt(newest);
  run.time = before.time;
  run.count = 1;
  run.next = before.next;
  run.total = before.total + 1;
  before.time = u32(entry.newest);
  before.next = number;
  entry.takes = ((entry.takes & ~NUMBER) + ONE) | number;
}

/** Drops the oldest of several runs, with its takes or leaving them to the next. */
export function dropOldest(entry: Entry, withTakes: bool): void {
  const newest = newestOf(entry);
  const number = newest.next;
  const run = runAt(number);
  const next = runAt(run.next);
  if (withTakes) newest.total -= run.count;
  else next.count += run.count;
  newest.next = run.next;
  newest.time = next.time;
  give(number);
  if (next != newest) {
    entry.takes -= ONE;
  } else {
    const last = entry.takes & NUMBER;
    entry.takes = newest.count;
    give(last);
  }
}

/** Moves all runs but the newest back in time, modulo 2^32 milliseconds; the newest's time is the entry's. */
export function shift(entry: Entry, by: u32): void {
  if (!hasOlder(entry)) return;
  const newest = newestOf(entry);
  // In the newest it is the time of the oldest that is kept.
  newest.time -= by;
  for (let run = runAt(newest.next); run != newest; run = runAt(run.next)) run.time -= by;
}

/** Forgets all takes. */
export function clear(entry: Entry): void {
  if (hasOlder(entry)) {
    const newest = newestOf(entry);
    const oldest = newest.next;
    newest.next = freed;
    freed = oldest;
    left += (entry.takes & LENGTH) / ONE;
  }
  entry.takes = 0;
}
