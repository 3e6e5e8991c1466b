/**
 * Purgatory as another process keeps it: a copy of its journal, which is only looked at.
 * @module
 */
import { parseJson } from "../../lib/json.ts";
import type { Entry } from "../purgatory/entry.ts";
import { Waiting } from "../purgatory/waiting.ts";

/** A row of the journal, as text. */
export interface JournalRow {
  readonly key: string;
  readonly entry: string;
}

export class WaitingCopy extends Waiting {
  /** The text of each entry, by key: what has not changed is not parsed again. */
  readonly #texts = new Map<string, string>();

  /** Takes over the whole journal. @returns the number of entries that are new, changed or gone */
  take(rows: Iterable<JournalRow>): number {
    const present = new Set<string>();
    let changes = 0;
    for (const { key, entry } of rows) {
      present.add(key);
      if (this.#texts.get(key) === entry) continue;
      this.#drop(key);
      this.#texts.set(key, entry);
      this.index.set(key, parseJson(entry, "an entry of purgatory's journal") as Entry);
      changes++;
    }
    if (present.size === this.#texts.size) return changes;
    for (const key of [...this.#texts.keys()]) {
      if (present.has(key)) continue;
      this.#drop(key);
      changes++;
    }
    return changes;
  }

  #drop(key: string): void {
    if (this.#texts.delete(key)) this.index.take(key);
  }
}
