/**
 * The EC id: `{64 lowercase hex}.{6 alphanumeric}`. The hex part, the EC hash, is the HMAC-SHA-256 of the normalised address under a
 * passphrase of the publisher. The suffix distinguishes people behind one address.
 * @module
 */
import type { HotPath } from "../../wasm/hotpath.ts";

/** Maximum number of passphrases: each takes one key slot of the hot path. */
export const MAX_PASSPHRASES = 16;

/** Operations on ids under one publisher's passphrases. */
export interface Identity {
  /** Whether `id` has the form of an EC id, whatever its origin. */
  isValid(id: string): boolean;
  /** A new id for a normalised address, under the newest passphrase. */
  mint(normalisedIp: string): string;
  /** Whether any of the configured passphrases gives `id`'s hash for this normalised address. */
  isOfAddress(id: string, normalisedIp: string): boolean;
}

/**
 * Loads the passphrases into the hot path's key slots.
 * @param passphrases newest first, 1 to {@link MAX_PASSPHRASES}; only the newest mints, all recognise ids.
 */
export function createIdentity(hotPath: HotPath, passphrases: readonly string[]): Identity {
  const encoder = new TextEncoder();
  passphrases.forEach((passphrase, slot) => {
    hotPath.setKey(slot, encoder.encode(passphrase));
  });
  return {
    isValid: (id) => hotPath.validate(id),
    mint: (normalisedIp) => hotPath.mint(0, normalisedIp),
    isOfAddress(id, normalisedIp) {
      const hash = ecHash(id);
      return passphrases.some((_, slot) => hotPath.hashHex(slot, normalisedIp) === hash);
    },
  };
}

/** The EC hash of a valid id: its first 64 characters. People behind one address share it. */
export function ecHash(id: string): string {
  return id.slice(0, 64);
}

/** The part of an id that a log may hold. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
