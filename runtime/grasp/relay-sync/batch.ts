/**
 * The order in which a page or a fetched batch is applied (L28).
 * @module
 */
import type { NostrEvent } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";

/** Oldest first; deletions and requests to vanish after the rest. */
export function inOrder(events: readonly NostrEvent[]): NostrEvent[] {
  const isLast = ({ kind }: NostrEvent) => Number(kind === KIND.deletion || kind === KIND.vanish);
  return [...events].sort((a, b) => isLast(a) - isLast(b) || a.created_at - b.created_at);
}
