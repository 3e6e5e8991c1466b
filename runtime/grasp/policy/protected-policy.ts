/**
 * Protected events (NIP-70, R12): only their authenticated author may publish them, and reposts of them are refused.
 * @module
 */
import { isObject, parseJson } from "../../lib/json.ts";
import { isHex64, type NostrEvent } from "../events/event.ts";
import { refuse, type Verdict } from "./verdict.ts";
import type { World } from "./world.ts";

const REPOSTS: ReadonlySet<number> = new Set([6, 16]);

/** Whether an event has the tag `-`. */
export function isProtected({ tags }: Pick<NostrEvent, "tags">): boolean {
  return tags.some(([name]) => name === "-");
}

/**
 * Refuses what NIP-70 forbids.
 * @param keys the keys of the connection (R70); another server has none.
 * @returns `null`: NIP-70 forbids nothing.
 */
export function judgeProtected(
  event: NostrEvent,
  keys: ReadonlySet<string>,
  world: Pick<World, "served">,
): Verdict | null {
  if (isProtected(event) && !keys.has(event.pubkey))
    return refuse("auth-required", "only its author may publish a protected event");
  if (REPOSTS.has(event.kind) && repostsProtected(event, world))
    return refuse("blocked", "it reposts a protected event");
  return null;
}

function repostsProtected({ content, tags }: NostrEvent, world: Pick<World, "served">): boolean {
  for (const [name, value = ""] of tags) {
    const target = name === "e" && isHex64(value) ? world.served(value) : null;
    if (target !== null && isProtected(target)) return true;
  }
  try {
    const inner: unknown = parseJson(content, "the repost");
    return isObject(inner) && Array.isArray(inner.tags) && inner.tags.some((tag) => tag?.[0] === "-");
  } catch {
    return false;
  }
}
