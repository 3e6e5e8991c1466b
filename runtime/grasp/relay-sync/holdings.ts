/**
 * What we have, as another relay's history is compared with it (L9): the database, purgatory, expired and refused ids.
 * @module
 */
import { type Filter, matches } from "../events/filter.ts";
import type { EventStore, TimedIds } from "../ports.ts";
import type { Purgatory } from "../purgatory/purgatory.ts";
import { ID_BYTES } from "../relay/negentropy-records.ts";
import { MAX_RECORDS } from "./figures.ts";
import type { RefusedIndex } from "./refused-index.ts";

interface HoldingParts {
  readonly store: Pick<EventStore, "records" | "get" | "remembered">;
  readonly purgatory: Pick<Purgatory, "identifiers" | "entries" | "event">;
  readonly refused: Pick<RefusedIndex, "records" | "find">;
  readonly nowSeconds: () => number;
}

export class Holdings {
  readonly #parts: HoldingParts;

  constructor(parts: HoldingParts) {
    this.#parts = parts;
  }

  /**
   * Times and ids of what a filter matches. Ids that expired have no times; {@link isHere} knows them.
   * @returns `null`: there are more than one negotiation compares.
   */
  records(filter: Filter): TimedIds | null {
    const { store, refused, nowSeconds } = this.#parts;
    const stored = store.records(filter, nowSeconds(), MAX_RECORDS);
    if (stored === null) return null;
    const more = new Map(this.#waiting(filter));
    for (const { id, createdAt } of refused.records(filter)) more.set(id, createdAt);
    if (stored.times.length + more.size > MAX_RECORDS) return null;
    const times = new Uint32Array(stored.times.length + more.size);
    const ids = new Uint8Array(times.length * ID_BYTES);
    times.set(stored.times);
    ids.set(stored.ids);
    let at = stored.times.length;
    for (const [id, time] of more) {
      times[at] = time;
      for (let i = 0; i < ID_BYTES; i++)
        ids[at * ID_BYTES + i] = Number.parseInt(id.slice(2 * i, 2 * i + 2), 16);
      at++;
    }
    return { times, ids };
  }

  /** Whether an event needs not be fetched; refused ones apart (L23). */
  isHere(id: string): boolean {
    const { store, purgatory, nowSeconds } = this.#parts;
    return (
      store.get(id) !== null || purgatory.event(id) !== null || store.remembered(id, nowSeconds()) !== null
    );
  }

  *#waiting(filter: Filter): Generator<[id: string, time: number]> {
    const { purgatory } = this.#parts;
    for (const identifier of filter.tags.get("d") ?? purgatory.identifiers()) {
      for (const entry of purgatory.entries(identifier)) {
        if (entry.store !== "placeholder" && matches(filter, entry.event))
          yield [entry.event.id, entry.event.created_at];
      }
    }
  }
}
