/**
 * Public keys as people write them (NIP-19): `npub1…`, bech32 with a checksum.
 * @module
 */
import { bech32 } from "@scure/base";
import { fromHex, toHex } from "../lib/hex.ts";
import { isHex64 } from "./events/event.ts";

const PREFIX = "npub";
const KEY_BYTES = 32;
/** The length of every npub. */
const NPUB_LENGTH = 63;
/** Npubs that are kept: every path of a repository has one. */
const MAX_KEPT = 10_000;

const npubs = new Map<string, string>();
const keys = new Map<string, string>();

function keep(key: string, npub: string): void {
  if (npubs.size >= MAX_KEPT) {
    npubs.clear();
    keys.clear();
  }
  npubs.set(key, npub);
  keys.set(npub, key);
}

/** @param key 64 lower-case hex digits */
export function toNpub(key: string): string {
  let npub = npubs.get(key);
  if (npub === undefined) {
    npub = bech32.encodeFromBytes(PREFIX, fromHex(key));
    keep(key, npub);
  }
  return npub;
}

/**
 * Reads an npub in its one form: lower case, a right checksum, 32 bytes (G3).
 * @returns 64 lower-case hex digits; `null` for any other text.
 */
export function fromNpub(text: string): string | null {
  const known = keys.get(text);
  if (known !== undefined) return known;
  if (text.length !== NPUB_LENGTH || !text.startsWith(`${PREFIX}1`) || text !== text.toLowerCase())
    return null;
  const decoded = bech32.decodeUnsafe(text as `${string}1${string}`);
  if (decoded === undefined) return null;
  const bytes = bech32.fromWordsUnsafe(decoded.words);
  if (!(bytes instanceof Uint8Array) || bytes.length !== KEY_BYTES) return null;
  const key = toHex(bytes);
  keep(key, text);
  return key;
}

/** A key that an event names, as hex or as an npub (A14); `null`: it is neither. */
export function readKey(text: string | undefined): string | null {
  if (text === undefined) return null;
  return isHex64(text) ? text : fromNpub(text);
}
