// The same kernels as a component: each export is a function of wit/hotpath.wit in the canonical ABI. The name of an export is the
// name of the interface, two underscores and the name of the function; the build renames it to the form of the ABI.

import { hash64, seed } from "./hash64";
import { equal, hasKey, hmac, setKey, SLOTS } from "./hmac";
import { hex, ID_BYTES, mint, validate } from "./identity";
import { beginDigest, digest, emit, finish, PADDING, update } from "./sha256";
import { count } from "./table";
import { decide, forget, layWindows, MOST_KEYS, refusedFull, windowBytes } from "./window";

// The arguments of one call follow one another, each with free bytes after it to be padded in place.
const ARGUMENTS_BYTES: usize = 132096;
const ARGUMENTS = memory.data(132096, 64);
let free: usize = ARGUMENTS;

const DATA = memory.data(128, 64);
const RESULT = memory.data(32, 8);
let isOpen: bool = false;

beginDigest();

/** Allocates room for an argument, or grows the last argument. */
export function cabi_realloc(old: usize, oldBytes: usize, align: usize, bytes: usize): usize {
  const at = oldBytes ? old : free;
  if (bytes > ARGUMENTS_BYTES || at + bytes + PADDING > ARGUMENTS + ARGUMENTS_BYTES) unreachable();
  free = (at + bytes + PADDING + 63) & ~63;
  return at;
}

/** Ends a call: the next call overwrites its arguments. */
function end<T>(result: T): T {
  free = ARGUMENTS;
  return result;
}

function list(length: u32): usize {
  store<usize>(RESULT, DATA);
  store<u32>(RESULT, length, 4);
  return end(RESULT);
}

function ok(): usize {
  store<u8>(RESULT, 0);
  return end(RESULT);
}

function okList(length: u32): usize {
  store<usize>(RESULT, DATA, 4);
  store<u32>(RESULT, length, 8);
  return ok();
}

/** Returns a fault. @param at offset of the payload, which depends on the type of the result */
function fault(at: usize, which: u8): usize {
  store<u8>(RESULT, 1);
  store<u8>(RESULT + at, which);
  return end(RESULT);
}

export function digest__set_key(slot: u32, key: usize, length: u32): usize {
  if (slot >= SLOTS) return fault(1, 0);
  setKey(slot, key, length);
  memory.fill(key, 0, length);
  return ok();
}

export function digest__hmac(slot: u32, message: usize, length: u32): usize {
  if (slot >= SLOTS) return fault(4, 0);
  if (!hasKey(slot)) return fault(4, 1);
  emit(hmac(slot, message, length), DATA);
  return okList(32);
}

export function digest__sha256(message: usize, length: u32): usize {
  digest(message, length, DATA);
  return list(32);
}

export function digest__begin(): void {
  beginDigest();
}

export function digest__update(piece: usize, length: u32): void {
  update(piece, length);
  free = ARGUMENTS;
}

export function digest__finish(): usize {
  finish(DATA);
  beginDigest();
  return list(32);
}

export function digest__equal(a: usize, aLength: u32, b: usize, bLength: u32): bool {
  return end(aLength == bLength && equal(a, b, aLength));
}

export function identity__validate(id: usize, length: u32): bool {
  return end(validate(id, length));
}

export function identity__hash(slot: u32, address: usize, length: u32): usize {
  if (!hasKey(slot)) return fault(4, 0);
  hex(hmac(slot, address, length), DATA);
  return okList(64);
}

export function identity__mint(slot: u32, address: usize, length: u32, random: usize, randomLength: u32): usize {
  if (!hasKey(slot)) return fault(4, 0);
  if (mint(slot, address, length, random, randomLength, DATA) < 0) return fault(4, 1);
  return okList(ID_BYTES);
}

export function window__open(keys: u32, seed0: u64, seed1: u64): usize {
  if (isOpen) return fault(1, 2);
  if (keys == 0 || keys > MOST_KEYS) return fault(1, 0);
  const at = (__heap_base + 63) & ~63;
  const pages = i32((at + windowBytes(keys) + 0xffff) >> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return fault(1, 1);
  layWindows(at, keys);
  store<u64>(DATA, seed0);
  store<u64>(DATA, seed1, 8);
  seed(DATA);
  isOpen = true;
  return ok();
}

function decision(key: usize, length: u32, now: u64, window: u32, limit: u32, record: bool): usize {
  if (!isOpen) return fault(8, 0);
  const decided = decide(hash64(key, length), f64(now), f64(window), f64(limit), record);
  if (isNaN(decided)) return fault(8, 1);
  const admitted = decided >= 0;
  store<u8>(RESULT, u8(admitted), 8);
  store<u32>(RESULT, admitted ? u32(decided) : 0, 12);
  store<u64>(RESULT, admitted ? 0 : u64(-decided), 16);
  return ok();
}

export function window__take(key: usize, length: u32, now: u64, window: u32, limit: u32): usize {
  return decision(key, length, now, window, limit, true);
}

export function window__peek(key: usize, length: u32, now: u64, window: u32, limit: u32): usize {
  return decision(key, length, now, window, limit, false);
}

export function window__forget(key: usize, length: u32): void {
  if (isOpen) forget(hash64(key, length));
  free = ARGUMENTS;
}

export function window__stats(): usize {
  store<u32>(RESULT, count);
  store<u64>(RESULT, u64(refusedFull), 8);
  store<u64>(RESULT, u64(memory.size()) << 16, 16);
  return RESULT;
}
