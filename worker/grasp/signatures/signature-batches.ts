/**
 * What is asked of whatever checks signatures in batches.
 * @module
 */
import type { Buffer } from "node:buffer";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";

/** What of an event is checked. */
export type Signed = Pick<NostrEvent, "id" | "pubkey" | "sig">;

/** Checks a batch elsewhere. */
export interface Batches {
  /** @throws if it cannot be made; the checks are made here then */
  check(batch: readonly Signed[]): Promise<readonly boolean[]>;
  close(): Promise<void>;
}

/**
 * Writes id, key and signature as `SIGNED_BYTES` bytes.
 * @returns `false`: one of them is not hex of its length
 */
export function writeSigned({ id, pubkey, sig }: Signed, bytes: Buffer, at: number): boolean {
  return (
    bytes.write(id, at, 32, "hex") === 32 &&
    bytes.write(pubkey, at + 32, 32, "hex") === 32 &&
    bytes.write(sig, at + 64, 64, "hex") === 64
  );
}
