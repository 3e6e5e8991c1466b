/**
 * Signs Nostr events with a secret key (NIP-01, BIP 340).
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { isPrivate, signSchnorr, xOnlyPointFromScalar } from "tiny-secp256k1";
import { canonicalText, type NostrEvent, type Tag } from "../../../runtime/grasp/events/event.ts";
import { toHex } from "../../../runtime/lib/hex.ts";

const KEY_BYTES = 32;

/** Somebody with a secret key. */
export interface Signer {
  /** The public key, 64 lower-case hex digits. */
  readonly key: string;
  /** @param at the event's date, in seconds since the epoch */
  sign(kind: number, tags: readonly Tag[], at: number, content?: string): NostrEvent;
}

/** A new random secret key. */
export function newSecretKey(): Uint8Array {
  for (;;) {
    const secret = randomBytes(KEY_BYTES);
    if (isPrivate(secret)) return secret;
  }
}

/** Whether 32 bytes are a secret key: not zero, and below the order of the curve. */
export function isSecretKey(secret: Uint8Array): boolean {
  return secret.length === KEY_BYTES && isPrivate(secret);
}

/** @throws {TypeError} if the bytes are no secret key. */
export function signerOf(secret: Uint8Array): Signer {
  if (!isSecretKey(secret)) throw new TypeError("Cannot sign: these bytes are no secret key");
  const key = toHex(xOnlyPointFromScalar(secret));
  return {
    key,
    sign(kind, tags, at, content = "") {
      const unsigned = { pubkey: key, created_at: at, kind, tags, content };
      const id = createHash("sha256").update(canonicalText(unsigned)).digest();
      return { ...unsigned, id: toHex(id), sig: toHex(signSchnorr(id, secret, randomBytes(KEY_BYTES))) };
    },
  };
}
