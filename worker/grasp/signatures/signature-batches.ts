/**
 * What is asked of whatever checks signatures in batches.
 * @module
 */
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";

/** What of an event is checked. */
export type Signed = Pick<NostrEvent, "id" | "pubkey" | "sig">;

/** Checks a batch elsewhere. */
export interface Batches {
  /** @throws if it cannot be made; the checks are made here then */
  check(batch: readonly Signed[]): Promise<readonly boolean[]>;
  close(): Promise<void>;
}
