/**
 * Keys and signed events for tests.
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { signSchnorr, xOnlyPointFromScalar } from "tiny-secp256k1";
import { canonicalText, type NostrEvent } from "../../runtime/grasp/events/event.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Somebody with a key. */
export interface Author {
  readonly key: string;
  /** Signs an event. @param at its date, in seconds. Default: now */
  sign(kind: number, tags: string[][], content?: string, at?: number): NostrEvent;
}

export function author(): Author {
  const secret = randomBytes(32);
  const key = hex(xOnlyPointFromScalar(secret));
  return {
    key,
    sign(kind, tags, content = "", at = Math.floor(Date.now() / 1000)) {
      const unsigned = { pubkey: key, created_at: at, kind, tags, content };
      const id = createHash("sha256").update(canonicalText(unsigned)).digest();
      return { ...unsigned, id: hex(id), sig: hex(signSchnorr(id, secret)) };
    },
  };
}
