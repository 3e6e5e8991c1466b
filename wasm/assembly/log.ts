// A key's takes, in runs that leave the window together. Most keys have one run, which is a number in the entry. Further runs form
// a circular list from a shared pool: from the newest to the oldest, then to newer ones. The newest stores the time of the oldest
// and the total of all takes, which is all that most takes need.

import { Entry } from "./table";

/** Maximum number of runs of one key; no single limit needs more. */
export const LONGEST: u32 = 65;
/** Bytes of a run. */
const RUN = 16;
/** Flag in the takes of an entry: they are a list. The other bits are its length and the number of its newest run. */
const LIST: u32 = 0x80000000;
const ONE: u32 = 0x01000000;
const LENGTH: u32 = LIST - ONE;
const NUMBER: u32 = ONE - 1;

/** Takes that leave the window together. */
// @ts-ignore: decorator
@unmanaged
export class Run {
  /**
   * Time of the last take: the low 32 bits of milliseconds since the epoch. In the newest run, whose time is the clock of the
   * entry: the time of the oldest run.
   */
  time: u32;
  count: u32;
  /** Number of the next newer run; in the newest: of the oldest. */
  next: u32;
  /** In the newest run: number of all takes. */
  total: u32;
}

let runs: usize = 0;
/** Number of free runs. */
let free: u32 = 0;
let unused: u32 = 0; // runs from this number on were never used
let freed: u32 = 0; // first of the returned runs

/** Size of a number of runs, in bytes. */
export function logBytes(count: u32): usize {
  return usize(count + 1) * RUN;
}

/** Creates the pool. */
export function layLog(at: usize, count: u32): void {
  runs = at;
  free = count;
  unused = 1;
}

// @ts-ignore: decorator
@inline
export function runAt(number: u32): Run {
  return changetype<Run>(runs + usize(number) * RUN);
}

/** The newest run of a list. */
// @ts-ignore: decorator
@inline
export function newestOf(entry: Entry): Run {
  return runAt(entry.takes & NUMBER);
}

/** Whether there are older runs than the newest. */
// @ts-ignore: decorator
@inline
export function hasOlder(entry: Entry): bool {
  return (entry.takes & LIST) != 0;
}

/** Whether the key has the maximum number of runs. */
// @ts-ignore: decorator
@inline
export function isLongest(entry: Entry): bool {
  return (entry.takes & ~NUMBER) == (LIST | (LONGEST * ONE));
}

/** Time of the oldest run of a list. */
// @ts-ignore: decorator
@inline
export function oldestTime(entry: Entry): u32 {
  return newestOf(entry).time;
}

/** Number of takes. */
// @ts-ignore: decorator
@inline
export function totalOf(entry: Entry): u32 {
  return hasOlder(entry) ? newestOf(entry).total : entry.takes;
}

/** Adds a take to the newest run. */
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

/** Whether the pool has enough runs for `begin`. */
export function hasRunFor(entry: Entry): bool {
  return free >= (hasOlder(entry) ? 1 : 2);
}

function allocate(): u32 {
  free--;
  const number = freed;
  if (!number) return unused++;
  freed = runAt(number).next;
  return number;
}

function release(number: u32): void {
  runAt(number).next = freed;
  freed = number;
  free++;
}

/** Begins another run with one take. The newest run before it ends at the entry's clock. The pool must have room. */
export function begin(entry: Entry): void {
  let newest = entry.takes & NUMBER;
  if (!hasOlder(entry)) {
    newest = allocate();
    const only = runAt(newest);
    only.count = entry.takes;
    only.total = entry.takes;
    only.next = newest;
    only.time = u32(entry.newest);
    entry.takes = LIST | ONE;
  }
  const number = allocate();
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

/** Removes the oldest run of a list: its takes go with it, or move to the next run. */
export function dropOldest(entry: Entry, withTakes: bool): void {
  const newest = newestOf(entry);
  const number = newest.next;
  const run = runAt(number);
  const next = runAt(run.next);
  if (withTakes) newest.total -= run.count;
  else next.count += run.count;
  newest.next = run.next;
  newest.time = next.time;
  release(number);
  if (next != newest) {
    entry.takes -= ONE;
  } else {
    const last = entry.takes & NUMBER;
    entry.takes = newest.count;
    release(last);
  }
}

/** Moves all runs except the newest back in time, modulo 2^32 milliseconds. */
export function shift(entry: Entry, by: u32): void {
  if (!hasOlder(entry)) return;
  const newest = newestOf(entry);
  // The newest run stores the time of the oldest.
  newest.time -= by;
  for (let run = runAt(newest.next); run != newest; run = runAt(run.next)) run.time -= by;
}

/** Removes all takes. */
export function clear(entry: Entry): void {
  if (hasOlder(entry)) {
    const newest = newestOf(entry);
    const oldest = newest.next;
    newest.next = freed;
    freed = oldest;
    free += (entry.takes & LENGTH) / ONE;
  }
  entry.takes = 0;
}
