/**
 * Whether any other event is accepted (R49 to R53, R57): it belongs to a repository here, or to an accepted event.
 * @module
 */
import { type NostrEvent, tagValue } from "../events/event.ts";
import { isAddressable, isReplaceable, KIND } from "../events/kinds.ts";
import { refuse, type Verdict } from "./verdict.ts";
import type { World } from "./world.ts";

/** Kinds that open no door: no event is accepted because one of them refers to it (R50). */
export const CLOSED_KINDS: ReadonlySet<number> = new Set([0, 5, 62, 1984, 10_002, 10_317]);

/** How far from an event that is accepted by itself a reference still admits (R51). */
export const MAX_STEPS = 3;
/** References of one event that count (R51). */
export const MAX_REFERENCES = 50;

/** Deletions that one author may have here (R57). */
const MAX_DELETIONS = 1000;

const ID = /^[0-9a-f]{64}$/;
const REPOSITORY = /^30617:[0-9a-f]{64}:/;

/** Judges an event that is no announcement, state or PR. */
export function judgeOther(event: NostrEvent, world: World): Verdict {
  const { lists } = world;
  if (lists.denyAuthors.has(event.pubkey)) return refuse("blocked", "this author is not served here");
  if (event.pubkey === lists.operator) return { kind: "serve" };
  switch (event.kind) {
    case KIND.deletion:
      return judgeDeletion(event, world);
    case KIND.vanish:
      return judgeVanish(event, world);
    case KIND.graspList:
      return listsUs(event, world) || world.hasEvents(event.pubkey) ? { kind: "serve" } : NOT_OURS;
    case 0:
    case 10_002:
      return event.pubkey === lists.relayKey || world.hasEvents(event.pubkey) ? { kind: "serve" } : NOT_OURS;
  }
  const steps = stepsOf(event, world);
  return steps === null ? NOT_OURS : { kind: "serve", steps };
}

/** The refusal says which tag would help (R53). */
const NOT_OURS = refuse(
  "restricted",
  "it belongs to nothing here: tag a repository with a, or an event that is here with e",
);

/**
 * How an event belongs here (R49, R51): 0, it tags a repository or an event; more, the number of steps of references that lead to it.
 * @returns `null`: it does not.
 */
export function stepsOf(
  event: NostrEvent,
  world: Pick<World, "servedAt" | "served" | "stepsTo">,
): number | null {
  for (const [name, value] of event.tags) {
    if (value === undefined) continue;
    const isAddress = name === "a" || name === "A" || name === "q";
    if (isAddress && REPOSITORY.test(value) && world.servedAt(value) !== null) return 0;
    const isId = name === "e" || name === "E" || name === "q";
    if (isId && ID.test(value) && opensDoor(world.served(value))) return 0;
  }
  const before = [event.id, addressOf(event)]
    .map((target) => (target === null ? null : world.stepsTo(target)))
    .filter((steps) => steps !== null);
  const steps = Math.min(...before) + 1;
  return steps <= MAX_STEPS ? steps : null;
}

/** The address of an event of which only the newest version counts; `null`: it has none. */
export function addressOf(event: NostrEvent): string | null {
  const { kind, pubkey } = event;
  if (isAddressable(kind)) return `${kind}:${pubkey}:${tagValue(event, "d") ?? ""}`;
  return isReplaceable(kind) ? `${kind}:${pubkey}:` : null;
}

function opensDoor(event: NostrEvent | null): boolean {
  return event !== null && !CLOSED_KINDS.has(event.kind);
}

/** A deletion is kept if its author or a target has something to do with us (R57). */
function judgeDeletion(event: NostrEvent, world: World): Verdict {
  if (world.deletionsOf(event.pubkey) >= MAX_DELETIONS)
    return refuse("blocked", `an author may have ${MAX_DELETIONS} deletions here`);
  // What is held may come back: its author may delete it before (R59).
  if (world.hasEvents(event.pubkey) || world.hasHeld(event.pubkey)) return { kind: "serve" };
  const isKnown = event.tags.some(([name, value]) => {
    if (value === undefined) return false;
    if (name === "e" && ID.test(value)) {
      return world.served(value) !== null || world.isWaiting(value) || world.remembered(value) !== null;
    }
    return (
      name === "a" &&
      (world.servedAt(value) !== null || world.isWaitingAt(value) || world.isDeletedAddress(value))
    );
  });
  return isKnown ? { kind: "serve" } : refuse("restricted", "it deletes nothing that is known here");
}

/** A request to vanish names this relay, or all relays in upper case (R62, R71). */
function judgeVanish(event: NostrEvent, world: World): Verdict {
  const { hosts } = world.ourselves;
  const isMeant = event.tags.some(([name, value]) => {
    if (name !== "relay" || value === undefined) return false;
    if (value === "ALL_RELAYS") return true;
    const url = URL.canParse(value) ? new URL(value) : null;
    return url !== null && /^wss?:$/.test(url.protocol) && hosts.includes(url.host.toLowerCase());
  });
  return isMeant ? { kind: "serve" } : refuse("restricted", "it names neither this relay nor ALL_RELAYS");
}

/** Whether a list of GRASP servers (kind 10317) has us (R52). */
function listsUs(event: NostrEvent, { ourselves }: World): boolean {
  const urls = event.tags.filter(([name]) => name === "g").map(([, url]) => url ?? "");
  return urls.some((text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    return url !== null && ourselves.hosts.includes(url.host.toLowerCase());
  });
}
