/**
 * What hangs only on a repository (R59): events that were accepted because they tag it, or an event that hangs on it.
 * @module
 */
import { isHex64, type NostrEvent } from "./events/event.ts";
import type { Filter } from "./events/filter.ts";
import { KIND } from "./events/kinds.ts";
import { MAX_STEPS } from "./policy/other-policy.ts";
import type { EventStore } from "./ports.ts";

/** How many events are taken away with a repository at most. */
const MAX_EVENTS = 20_000;
const REPOSITORY = /^30617:[0-9a-f]{64}:/;
/** They are here because their author has events here (R57, R62), and they keep nothing here (R50). */
const OWN_REASON: ReadonlySet<number> = new Set([KIND.deletion, KIND.vanish]);
const ADDRESS_LETTERS = ["a", "A", "q"];
const ID_LETTERS = ["e", "E", "q"];

/** What is looked at. */
export interface DependentsParts {
  readonly store: Pick<EventStore, "query" | "get">;
  servedAt(address: string): NostrEvent | null;
  /** Whether an event stays for a reason that its tags do not show. */
  stays(event: NostrEvent): boolean;
  readonly nowSeconds: number;
}

/**
 * The served events that hang only on the repository of an address, which is not served any more.
 * @param removed ids of events that went with it.
 */
export function dependentsOf(
  address: string,
  removed: ReadonlySet<string>,
  parts: DependentsParts,
): NostrEvent[] {
  const found = new Map<string, NostrEvent>();
  let last = referring(ADDRESS_LETTERS, [address], parts);
  if (removed.size > 0) last.push(...referring(ID_LETTERS, [...removed], parts));
  for (let step = 0; step <= MAX_STEPS && last.length > 0; step++) {
    const fresh = last
      .filter((event) => !found.has(event.id) && !parts.stays(event))
      .slice(0, MAX_EVENTS - found.size);
    for (const event of fresh) found.set(event.id, event);
    last = referring(ID_LETTERS, [...fresh.map(({ id }) => id)], parts);
  }
  // What has another reason to be here stays, and so does what hangs on that.
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const event of [...found.values()]) {
      if (!hasReason(event, found, parts)) continue;
      found.delete(event.id);
      isChanged = true;
    }
  }
  return [...found.values()];
}

/** Whether an event tags a served repository or an event that stays, or an event that stays refers to it. */
function hasReason(
  event: NostrEvent,
  going: ReadonlyMap<string, NostrEvent>,
  parts: DependentsParts,
): boolean {
  for (const [name = "", value = ""] of event.tags) {
    if (ADDRESS_LETTERS.includes(name) && REPOSITORY.test(value) && parts.servedAt(value) !== null)
      return true;
    const isId = ID_LETTERS.includes(name) && isHex64(value);
    if (isId && !going.has(value) && parts.store.get(value) !== null) return true;
  }
  return referring(ID_LETTERS, [event.id], parts).some(({ id }) => !going.has(id));
}

/** The served events that refer to one of the targets, apart from {@link OWN_REASON}. */
function referring(
  letters: readonly string[],
  targets: readonly string[],
  parts: DependentsParts,
): NostrEvent[] {
  const found = new Map<string, NostrEvent>();
  for (let at = 0; at < targets.length; at += 100) {
    const values = new Set(targets.slice(at, at + 100));
    for (const letter of letters) {
      for (const event of all({ tags: new Map([[letter, values]]) }, parts)) {
        if (!OWN_REASON.has(event.kind)) found.set(event.id, event);
      }
    }
  }
  return [...found.values()];
}

/** All events of a filter, page by page. */
function all(filter: Filter, { store, nowSeconds }: DependentsParts): NostrEvent[] {
  const found = new Map<string, NostrEvent>();
  for (let until: number | undefined; found.size < MAX_EVENTS; ) {
    const page = store.query([until === undefined ? filter : { ...filter, until }], nowSeconds);
    const before = found.size;
    for (const event of page) found.set(event.id, event);
    if (found.size === before) break;
    until = page.at(-1)!.created_at;
  }
  return [...found.values()];
}
