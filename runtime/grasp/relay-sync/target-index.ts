/**
 * What is here that relays are asked for (L1, L5, L6, L12): announcements, their maintainers, and root events.
 * @module
 */
import type { NostrEvent } from "../events/event.ts";
import { everyEvent, type Known } from "../known.ts";
import { taggedRepositories } from "../policy/pr-policy.ts";
import type { EventStore } from "../ports.ts";
import { ROOT_KINDS, type Targets } from "./layers.ts";
import type { Announced } from "./relays.ts";

/** What is known of one identifier. */
interface Target {
  readonly announced: readonly Announced[];
  readonly addresses: readonly string[];
  readonly authors: ReadonlySet<string>;
}

interface TargetParts {
  readonly known: Pick<Known, "announcements" | "sets" | "everyAnnouncement">;
  readonly store: Pick<EventStore, "query">;
  readonly nowSeconds: () => number;
}

/** Roots that name no repository. */
const NOWHERE = "";
/** Root events that are read before other work of the process may run. */
const READ_AT_ONCE = 500;

export class TargetIndex {
  readonly #parts: TargetParts;
  /** By identifier, in the order in which they came. */
  readonly #targets = new Map<string, Target>();
  readonly #roots = new Map<string, Set<string>>();

  constructor(parts: TargetParts) {
    this.#parts = parts;
  }

  /** Reads the database and purgatory (L12). @param breathe lets other work run */
  async load(breathe: () => Promise<void>): Promise<void> {
    // The oldest first, so that it keeps its relays (L4).
    const identifiers = new Set(
      this.#parts.known
        .everyAnnouncement()
        .reverse()
        .map(({ identifier }) => identifier),
    );
    for (const identifier of identifiers) this.refresh(identifier);
    const filter = { kinds: ROOT_KINDS, tags: new Map() };
    let read = 0;
    for (const event of everyEvent(this.#parts.store, filter, this.#parts.nowSeconds)) {
      this.addRoot(event);
      if (++read % READ_AT_ONCE === 0) await breathe();
    }
  }

  /** Reads the announcements of an identifier again. */
  refresh(identifier: string): void {
    const known = [...this.#parts.known.announcements(identifier).values()];
    if (known.length === 0) {
      this.#targets.delete(identifier);
      return;
    }
    const served = known.filter(({ status }) => status === "served");
    const owners = new Set(served.map(({ announcement }) => announcement.owner));
    const authors = new Set(owners);
    for (const [owner, set] of this.#parts.known.sets(identifier))
      if (owners.has(owner)) for (const key of set) authors.add(key);
    this.#targets.set(identifier, {
      announced: known.map(({ announcement: { owner, relays, clone } }) => ({
        ...{ owner, identifier, relays, clone },
      })),
      addresses: [...owners].map((owner) => `30617:${owner}:${identifier}`),
      authors,
    });
  }

  /** @returns whether it is a root event */
  addRoot(event: NostrEvent): boolean {
    if (!ROOT_KINDS.has(event.kind)) return false;
    const identifiers = new Set(taggedRepositories(event).map(({ identifier }) => identifier));
    if (identifiers.size === 0) identifiers.add(NOWHERE);
    for (const identifier of identifiers) {
      const roots = this.#roots.get(identifier);
      if (roots === undefined) this.#roots.set(identifier, new Set([event.id]));
      else roots.add(event.id);
    }
    return true;
  }

  /** All identifiers of an owner's announcements, as they were when last looked at. */
  *identifiersOf(owner: string): Generator<string> {
    for (const [identifier, { announced }] of this.#targets)
      if (announced.some((one) => one.owner === owner)) yield identifier;
  }

  /** What announcements say of relays, served ones first: no waiting one takes their place (L4). */
  *announced(): Generator<Announced> {
    const isServed = ({ addresses }: Target) => addresses.length > 0;
    for (const target of this.#targets.values()) if (isServed(target)) yield* target.announced;
    for (const target of this.#targets.values()) if (!isServed(target)) yield* target.announced;
  }

  /** What one relay is asked for. @param identifiers those whose announcements list it */
  targetsOf(identifiers: ReadonlySet<string>): Targets {
    const addresses = new Set<string>();
    const authors = new Set<string>();
    const roots = new Set(this.#roots.get(NOWHERE));
    for (const identifier of identifiers) {
      const target = this.#targets.get(identifier);
      if (target === undefined) continue;
      for (const address of target.addresses) addresses.add(address);
      for (const author of target.authors) authors.add(author);
      if (target.addresses.length > 0) for (const id of this.#roots.get(identifier) ?? []) roots.add(id);
    }
    return { identifiers, addresses, authors, roots };
  }
}
