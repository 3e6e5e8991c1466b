// A key's older runs of takes, oldest first: a ring of small nodes out of one shared pool. The entry knows the newest
// node, whose `next` is the oldest; the newest also repeats when the oldest was, because most takes ask no more of it.

import { Entry } from "./table";

/** Runs that one key may keep; no single limit needs more. */
export const LONGEST: u32 = 64;
/** Bytes of a run. */
const RUN = 16;
const TAIL_MASK: u32 = 0x00ffffff;
const ONE: u32 = 0x01000000;

/** Takes that leave the window together. */
// @ts-ignore: decorator
@unmanaged
export class Run {
  /** When the last of them was: the low 32 bits of milliseconds since the epoch. */
  time: u32;
  count: u32;
  next: u32;
  /** In the newest: the time of the oldest. */
  first: u32;
}

let runs: usize = 0;
let capacity: u32 = 0;
let unused: u32 = 0; // runs from this number on were never used
let freed: u32 = 0; // first of the runs given back

/** Bytes that so many runs take. */
export function logBytes(count: u32): usize {
  return usize(count + 1) * RUN;
}

/** Lays the empty pool out. */
export function layLog(at: usize, count: u32): void {
  runs = at;
  capacity = count;
  unused = 1;
}

/** Whether a run can be appended. */
export function hasRun(): bool {
  return freed != 0 || unused <= capacity;
}

// @ts-ignore: decorator
@inline
export function runAt(number: u32): Run {
  return changetype<Run>(runs + usize(number) * RUN);
}

// @ts-ignore: decorator
@inline
export function lengthOf(entry: Entry): u32 {
  return entry.log >> 24;
}

/** The oldest run of a log that is not empty. */
// @ts-ignore: decorator
@inline
export function oldest(entry: Entry): Run {
  return runAt(runAt(entry.log & TAIL_MASK).next);
}

/** When the oldest run of a log that is not empty was. */
// @ts-ignore: decorator
@inline
export function oldestTime(entry: Entry): u32 {
  return runAt(entry.log & TAIL_MASK).first;
}

/** Appends a run; there has to be one left. */
export function append(entry: Entry, time: u32, count: u32): void {
  let number = freed;
  if (number) freed = runAt(number).next;
  else number = unused++;
  const run = runAt(number);
  run.time = time;
  run.count = count;
  run.next = number;
  run.first = time;
  if (entry.log) {
    const tail = runAt(entry.log & TAIL_MASK);
    run.next = tail.next;
    run.first = tail.first;
    tail.next = number;
  }
  entry.log = ((entry.log & ~TAIL_MASK) + ONE) | number;
}

/** Takes the oldest run out and tells how many takes it was. */
export function dropOldest(entry: Entry): u32 {
  const tail = runAt(entry.log & TAIL_MASK);
  const number = tail.next;
  const run = runAt(number);
  tail.next = run.next;
  tail.first = runAt(run.next).time;
  run.next = freed;
  freed = number;
  entry.log -= ONE;
  if (entry.log < ONE) entry.log = 0;
  return run.count;
}

/** Gives the whole log back. */
export function clear(entry: Entry): void {
  if (!entry.log) return;
  const tail = runAt(entry.log & TAIL_MASK);
  const first = tail.next;
  tail.next = freed;
  freed = first;
  entry.log = 0;
}
