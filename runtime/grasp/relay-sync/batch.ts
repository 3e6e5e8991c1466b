/**
 * The order in which a page or a fetched batch is applied (L28).
 * @module
 */
import type { NostrEvent } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";

/** Oldest first; deletions and requests to vanish after the rest. */
export function inOrder<T extends Pick<NostrEvent, "kind" | "created_at">>(events: readonly T[]): T[] {
  const isLast = ({ kind }: T) => Number(kind === KIND.deletion || kind === KIND.vanish);
  return [...events].sort((a, b) => isLast(a) - isLast(b) || a.created_at - b.created_at);
}
