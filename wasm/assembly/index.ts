// The exports of the module. Each reads a fixed input region and writes a fixed output region. Arguments and results are 32-bit
// integers and floats only, so that the same kernels run on a host without WebAssembly.

import { hash64 as hashBytes, seed as seedHash } from "./hash64";
import {
  beginHmac as beginMac,
  equal as equalBytes,
  finishHmac as finishMac,
  hmac as mac,
  setKey as putKey,
} from "./hmac";
import { hex, mint as mintId, validate as validateBytes } from "./identity";
import { beginDigest, digest, emit, finish, STREAM, STREAM_BYTES, update as updateStream } from "./sha256";
import { count as keyCount } from "./table";
import { count as countTakes, decide, forget as forgetKey, layWindows, MOST_KEYS, refusedFull as refused, windowBytes } from "./window";

const INPUT_BYTES: i32 = 65536;
const INPUT = memory.data(65664, 64); // with free bytes after it, for padding in place
const OUTPUT = memory.data(128, 64);
const RANDOM_BYTES: i32 = 2048;
const RANDOM = memory.data(2048, 64);
let randomUsed: i32 = RANDOM_BYTES;

/** Address of the input region, which the host writes. */
export function input(): usize {
  return INPUT;
}

export function inputBytes(): i32 {
  return INPUT_BYTES;
}

/** Address of the output region, which the host reads. */
export function output(): usize {
  return OUTPUT;
}

/** Address of the random bytes for `mint`. The host fills them, then calls `refilled`. */
export function random(): usize {
  return RANDOM;
}

export function randomBytes(): i32 {
  return RANDOM_BYTES;
}

export function refilled(): void {
  randomUsed = 0;
}

/** Address of the state of the stream. The host saves and restores it to run several streams. */
export function stream(): usize {
  return STREAM;
}

export function streamBytes(): i32 {
  return STREAM_BYTES;
}

/** Maximum number of keys that `start` accepts. */
export function mostKeys(): i32 {
  return MOST_KEYS;
}

/** Creates the windows for a number of keys. Call it once, first. Memory grows only here. */
export function start(keys: i32): bool {
  const at = (__heap_base + 63) & ~63;
  const pages = i32((at + windowBytes(keys) + 0xffff) >> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return false;
  layWindows(at, keys);
  return true;
}

/** Seeds the hash of window keys with the 16 bytes of the input. */
export function seed(): void {
  seedHash(INPUT);
}

export function validate(length: i32): bool {
  return validateBytes(INPUT, length);
}

/** Puts the key of `length` bytes into a slot. */
export function setKey(slot: i32, length: i32): void {
  putKey(slot, INPUT, length);
}

/** Writes the id of the address in the input. @returns false if more random bytes are needed */
export function mint(slot: i32, length: i32): bool {
  const used = mintId(slot, INPUT, length, RANDOM + randomUsed, RANDOM_BYTES - randomUsed, OUTPUT);
  if (used < 0) return false;
  randomUsed += used;
  return true;
}

/** Writes the MAC of the input as 64 hex digits. */
export function hashHex(slot: i32, length: i32): void {
  hex(mac(slot, INPUT, length), OUTPUT);
}

/** Writes the MAC of the input as 32 bytes. */
export function hmac(slot: i32, length: i32): void {
  emit(mac(slot, INPUT, length), OUTPUT);
}

/** Writes the digest of the input. */
export function sha256(length: i32): void {
  digest(INPUT, length, OUTPUT);
}

/** Begins a digest in the stream. */
export function beginSha256(): void {
  beginDigest();
}

/** Begins a MAC in the stream. */
export function beginHmac(slot: i32): void {
  beginMac(slot);
}

/** Adds the input to the stream. */
export function update(length: i32): void {
  updateStream(INPUT, length);
}

/** Writes the digest of the stream. */
export function finishSha256(): void {
  finish(OUTPUT);
}

/** Writes the MAC of the stream. */
export function finishHmac(slot: i32): void {
  emit(finishMac(slot), OUTPUT);
}

/** Compares the two halves of the input, `length` bytes of each. */
export function equal(length: i32): bool {
  return equalBytes(INPUT, INPUT + INPUT_BYTES / 2, length);
}

/** Writes the keyed hash of the input. */
export function hash64(length: i32): void {
  store<u64>(OUTPUT, hashBytes(INPUT, length));
}

/** Decides and counts one take; see `decide` in window.ts. */
export function take(length: i32, nowMs: f64, windowMs: f64, limit: f64): f64 {
  return decide(hashBytes(INPUT, length), nowMs, windowMs, limit, true);
}

/** Decides one take without counting it. */
export function peek(length: i32, nowMs: f64, windowMs: f64, limit: f64): f64 {
  return decide(hashBytes(INPUT, length), nowMs, windowMs, limit, false);
}

/** Number of takes in the window of a key. */
export function count(length: i32, nowMs: f64, windowMs: f64): f64 {
  return countTakes(hashBytes(INPUT, length), nowMs, windowMs);
}

/** Empties the window of a key. */
export function forget(length: i32): void {
  forgetKey(hashBytes(INPUT, length));
}

/** Number of keys, including expired ones whose entries are not reused yet. */
export function keys(): i32 {
  return keyCount;
}

/** Number of takes refused for lack of room. */
export function refusedFull(): f64 {
  return refused;
}
