// Which entries have expired. The lines of the table are taken in groups, and each group has a bound before which none of
// its entries expires. An entry's expiry only moves on, so a bound is put right when it is due and not with every take. A
// tree of minima over the groups knows the least.

import { clear, shift } from "./log";
import { Entry, entryIn, held, isTight, KEYS_IN_LINE, lineOf, lines, remove } from "./table";

/** Groups that one take looks at in a table that is nearly full, so that no single take has to do all the work. */
const STEPS = 2;
/** Lines to a group; children to a node of the tree. The root is node 0, the children of node n begin at 16 n + 1. */
const WAYS: u32 = 16;
const WAYS_SHIFT = 4;

let tree: usize = 0;
/** Nodes in the tree; the last ones are the groups. */
let nodes: u32 = 0;
/** The node of the first group. */
let groups: u32 = 0;
/** The latest expiry of an entry that was dropped. A new key's clock starts no earlier: it may be that key again. */
export let droppedUntil: u64 = 0;

/** Nodes above so many groups. */
function nodesAbove(groups: u32): u32 {
  let above: u32 = 0;
  for (let level: u32 = 1; level < groups; level <<= WAYS_SHIFT) above += level;
  return above;
}

function groupsOf(lines: u32): u32 {
  return (lines + WAYS - 1) >> WAYS_SHIFT;
}

/** Bytes that the bounds of so many lines take. */
export function boundsBytes(lines: u32): usize {
  const groups = groupsOf(lines);
  return usize(nodesAbove(groups) + groups) << 3;
}

/** Lays out the bounds of the table. */
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

/** Enters a key that was just added. */
export function track(entry: Entry): void {
  const expiry = expiryOf(entry);
  let node = groups + (lineOf(entry) >> WAYS_SHIFT);
  while (boundOf(node) > expiry) {
    setBound(node, expiry);
    if (!node) break;
    node = (node - 1) >> WAYS_SHIFT;
  }
}

/** Drops what has expired in the group that is the first to be due, and puts its bound right. */
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

/** No entry expires before this. */
export function earliest(): u64 {
  return boundOf(0);
}

/** Keeps ahead of a table that fills up. */
export function tidy(now: u64): void {
  if (!isTight()) return;
  for (let i = 0; i < STEPS && earliest() <= now; i++) settle(now);
}

/** Drops expired entries if there are any, and tells whether it did. */
export function dropSome(now: u64): bool {
  const before = held;
  while (earliest() <= now) {
    settle(now);
    if (held < before) return true;
  }
  return false;
}

/**
 * Makes good a clock that was ahead until now: what was counted at a time that is still to come counts as counted now, and
 * the older takes of such a key keep their distance to its newest. Nothing is forgotten, and no window ends later than its
 * length from now.
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
