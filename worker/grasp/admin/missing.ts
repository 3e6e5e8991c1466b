/**
 * Which objects of waiting events are not here, for the operator's page. Git looks at few repositories each time, so that a page
 * that is open costs little; what it found is shown for a while.
 * @module
 */

import { idsOf } from "../../../runtime/grasp/facts.ts";
import type { Grasp } from "../../../runtime/grasp/grasp.ts";
import { type Entry, identifiersOf } from "../../../runtime/grasp/purgatory/entry.ts";
import { ownersConcerned } from "../../../runtime/grasp/purgatory-sync/needs.ts";

/** Repositories that are looked at each time. */
const LOOKS_AT_ONCE = 4;
/** How long a result is shown before Git looks again, in milliseconds. */
const RESULT_MS = 10_000;
/** Object ids of one entry that are looked for. */
const MAX_LOOKED_FOR = 100;
const OBJECT_ID = /^[0-9a-f]{40}$/;

export interface MissingParts {
  readonly grasp: Pick<Grasp, "known">;
  readonly nowMs: () => number;
  /** Those of some ids that a repository does not have. */
  lacking(owner: string, identifier: string, ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** What was found of an entry's objects. */
interface Found {
  readonly ids: readonly string[];
  readonly missing: ReadonlySet<string>;
  readonly atMs: number;
}

export class MissingObjects {
  readonly #parts: MissingParts;
  readonly #found = new Map<string, Found>();

  constructor(parts: MissingParts) {
    this.#parts = parts;
  }

  /** The object ids that an entry names, as far as they are looked for. */
  named(entry: Entry): string[] {
    return idsOf(entry)
      .filter((id) => OBJECT_ID.test(id))
      .slice(0, MAX_LOOKED_FOR);
  }

  /** Those that were not here at the last look; `null`: it names none, or there was no look yet. */
  of(entry: Entry): string[] | null {
    const found = this.#found.get(keyOf(entry));
    return found === undefined ? null : found.ids.filter((id) => found.missing.has(id));
  }

  /** Looks at what was not looked at for longest. Forgets entries that are not among these. Never rejects. */
  async look(entries: readonly Entry[]): Promise<void> {
    const nowMs = this.#parts.nowMs();
    const shown = new Set(entries.map(keyOf));
    for (const key of this.#found.keys()) if (!shown.has(key)) this.#found.delete(key);
    const due = entries
      .map((entry) => ({ entry, ids: this.named(entry), atMs: this.#found.get(keyOf(entry))?.atMs ?? 0 }))
      .filter(({ ids, atMs }) => ids.length > 0 && nowMs - atMs >= RESULT_MS)
      .sort((a, b) => a.atMs - b.atMs);
    const byPlace = Map.groupBy(due, ({ entry }) => JSON.stringify(this.#placeOf(entry)));
    const looks = [...byPlace].slice(0, LOOKS_AT_ONCE).map(async ([place, of]) => {
      const [owner, identifier] = JSON.parse(place) as [string, string];
      const wanted = [...new Set(of.flatMap(({ ids }) => ids))];
      const missing = await this.#parts.lacking(owner, identifier, wanted);
      for (const { entry, ids } of of) this.#found.set(keyOf(entry), { ids, missing, atMs: nowMs });
    });
    await Promise.allSettled(looks);
  }

  /** A repository that is to have the objects: owner and identifier. */
  #placeOf(entry: Entry): readonly [owner: string, identifier: string] {
    const event = entry.store === "placeholder" ? null : entry.event;
    for (const identifier of identifiersOf(entry)) {
      const [owner] =
        event === null ? [] : ownersConcerned(event, identifier, this.#parts.grasp.known.sets(identifier));
      if (owner !== undefined) return [owner, identifier];
    }
    return [event?.pubkey ?? "", identifiersOf(entry)[0] ?? ""];
  }
}

function keyOf(entry: Entry): string {
  return entry.store === "placeholder" ? `${entry.repository} ${entry.id}` : entry.event.id;
}
