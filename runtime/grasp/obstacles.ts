/**
 * What keeps an event out that the policy accepts: the store, and room on the disk.
 * @module
 */
import { notSaved, type Outcome, refused } from "./answer.ts";
import type { Core } from "./core.ts";
import type { NostrEvent } from "./events/event.ts";
import type { Room } from "./ports.ts";

/** An event that the store would not take does not wait for data either (R55, R56). Asked in the transaction that adds it. */
export function storeFault(event: NostrEvent, core: Pick<Core, "store" | "nowSeconds">): Outcome | null {
  const reason = core.store.refusal(event, core.nowSeconds());
  return reason === null ? null : notSaved({ outcome: "refused", reason });
}

/** Why a new repository has no room (O24); `null`: it has, or it is here already. @param room `undefined`: there is room */
export async function roomFault(
  owner: string,
  identifier: string,
  { hosted }: Pick<Core, "hosted">,
  room: Room | undefined,
): Promise<Outcome | null> {
  if (room === undefined || hosted.open(owner, identifier) !== null) return null;
  const text = await room.refusal("repository", owner, identifier);
  return text === null ? null : refused("error", text);
}
