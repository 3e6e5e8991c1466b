/**
 * Announcements and states that were refused and that a change of the maintainer sets may let in (N12, R36, T44). In memory and
 * bounded: what falls out, or what a restart forgets, relay sync brings again.
 * @module
 */
import type { NostrEvent } from "./events/event.ts";
import type { From } from "./purgatory/entry.ts";

/** Events that are kept in all, and of one identifier. */
const MAX_EVENTS = { total: 5000, identifier: 50 } as const;
/** Longest event that is kept, in characters of its tags and content. */
const MAX_LENGTH = 64 * 1024;

/** A refused event, and where it came from. */
export interface RefusedEvent {
  readonly event: NostrEvent;
  readonly from: From;
}

export class RefusedEvents {
  /** By identifier, then by id. The identifier that was touched last is the last. */
  readonly #byIdentifier = new Map<string, Map<string, RefusedEvent>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(identifier: string, refused: RefusedEvent): void {
    const { event } = refused;
    if (JSON.stringify(event).length > MAX_LENGTH) return;
    this.remove(identifier, event.id);
    const events = this.#byIdentifier.get(identifier) ?? new Map<string, RefusedEvent>();
    this.#byIdentifier.delete(identifier);
    this.#byIdentifier.set(identifier, events);
    events.set(event.id, refused);
    this.#size++;
    if (events.size > MAX_EVENTS.identifier) this.remove(identifier, events.keys().next().value!);
    while (this.#size > MAX_EVENTS.total) {
      const [oldest, list] = this.#byIdentifier.entries().next().value!;
      this.remove(oldest, list.keys().next().value!);
    }
  }

  of(identifier: string): RefusedEvent[] {
    return [...(this.#byIdentifier.get(identifier)?.values() ?? [])];
  }

  remove(identifier: string, id: string): void {
    const events = this.#byIdentifier.get(identifier);
    if (!events?.delete(id)) return;
    this.#size--;
    if (events.size === 0) this.#byIdentifier.delete(identifier);
  }
}
