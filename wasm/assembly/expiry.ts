// Finds expired entries. The lines of the table form groups. Each group has a lower bound for the expiry of its entries. The expiry
// of an entry only increases, so a bound is corrected when it is due, not with every take. A tree of minima over the groups holds
// the least bound at its root.

import { clear, shift } from "./log";
import { count, Entry, entryIn, isTight, KEYS_IN_LINE, lineOf, lines, remove } from "./table";

/** Groups that one take checks in a nearly full table: a bound on the work of a single take. */
const STEPS = 2;
/** Lines per group, and children per node of the tree. The root is node 0; the children of node n begin at 16 n + 1. */
const WAYS: u32 = 16;
const WAYS_SHIFT = 4;

let tree: usize = 0;
/** Number of nodes of the tree; the last ones are the groups. */
let nodes: u32 = 0;
/** Node of the first group. */
let groups: u32 = 0;
/** Latest expiry of a removed entry. The clock of a new key starts no earlier: it may be the same key. */
export let droppedUntil: u64 = 0;

/** Number of inner nodes for a number of groups. */
function nodesAbove(groups: u32): u32 {
  let above: u32 = 0;
  for (let level: u32 = 1; level < groups; level <<= WAYS_SHIFT) above += level;
  return above;
}

function groupsOf(lines: u32): u32 {
  return (lines + WAYS - 1) >> WAYS_SHIFT;
}

/** Size of the tree for a number of lines, in bytes. */
export function boundsBytes(lines: u32): usize {
  const groups = groupsOf(lines);
  return usize(nodesAbove(groups) + groups) << 3;
}

/** Creates the tree for the table. */
export function layBounds(at: usize): void {
  tree = at;
  groups = nodesAbove(groupsOf(lines));
  nodes = groups + groupsOf(lines);
  memory.fill(at, 0xff, boundsBytes(lines));
}

// @ts-ignore: decorator
@inline
function boundOf(node: u32): u64 {
  return load<u64>(tree + (usize(node) << 3));
}

// @ts-ignore: decorator
@inline
function setBound(node: u32, bound: u64): void {
  store<u64>(tree + (usize(node) << 3), bound);
}

// @ts-ignore: decorator
@inline
function expiryOf(entry: Entry): u64 {
  return entry.newest + entry.window;
}

/** Adds a new entry to the tree. */
export function track(entry: Entry): void {
  const expiry = expiryOf(entry);
  let node = groups + (lineOf(entry) >> WAYS_SHIFT);
  while (boundOf(node) > expiry) {
    setBound(node, expiry);
    if (!node) break;
    node = (node - 1) >> WAYS_SHIFT;
  }
}

/** Removes the expired entries of the group that is due first, and corrects its bound. */
function settle(now: u64): void {
  let node: u32 = 0;
  while (node < groups) {
    const bound = boundOf(node);
    node = (node << WAYS_SHIFT) + 1;
    while (boundOf(node) != bound) node++;
  }
  let least = u64.MAX_VALUE;
  const first = (node - groups) << WAYS_SHIFT;
  const end = min(first + WAYS, lines);
  for (let line = first; line < end; line++) {
    for (let i: u32 = 0; i < KEYS_IN_LINE; i++) {
      const entry = entryIn(line, i);
      if (entry.isFree) continue;
      const expiry = expiryOf(entry);
      if (expiry > now) {
        least = min(least, expiry);
      } else {
        droppedUntil = max(droppedUntil, expiry);
        clear(entry);
        remove(entry);
      }
    }
  }
  setBound(node, least);
  while (node) {
    node = (node - 1) >> WAYS_SHIFT;
    const first = (node << WAYS_SHIFT) + 1;
    const end = min(first + WAYS, nodes);
    least = boundOf(first);
    for (let child = first + 1; child < end; child++) least = min(least, boundOf(child));
    setBound(node, least);
  }
}

/** A lower bound for the expiry of all entries. */
export function earliest(): u64 {
  return boundOf(0);
}

/** Removes some expired entries if the table is nearly full. */
export function tidy(now: u64): void {
  if (!isTight()) return;
  for (let i = 0; i < STEPS && earliest() <= now; i++) settle(now);
}

/** Removes expired entries. @returns whether there were any */
export function dropSome(now: u64): bool {
  const before = count;
  while (earliest() <= now) {
    settle(now);
    if (count < before) return true;
  }
  return false;
}

/**
 * Corrects the takes of a clock that was ahead until now: a take in the future counts as made now, and the older takes of its key
 * keep their distance to it. No take is lost, and no window ends later than its length from now.
 */
export function setBack(now: u64): void {
  droppedUntil = min(droppedUntil, now);
  memory.fill(tree, 0xff, usize(nodes) << 3);
  for (let line: u32 = 0; line < lines; line++) {
    for (let i: u32 = 0; i < KEYS_IN_LINE; i++) {
      const entry = entryIn(line, i);
      if (entry.isFree) continue;
      if (entry.newest > now) {
        shift(entry, u32(entry.newest - now));
        entry.newest = now;
      }
      track(entry);
    }
  }
}
