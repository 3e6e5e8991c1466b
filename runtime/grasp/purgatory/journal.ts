/**
 * Purgatory's journal in the database: changes of purgatory are transactions (P27).
 * @module
 */
import type { EventStore, StoreChanges } from "../ports.ts";
import type { Entry } from "./entry.ts";
import type { Journal } from "./purgatory.ts";

export class StoreJournal implements Journal {
  readonly #store: EventStore;
  #changes: StoreChanges | null = null;

  constructor(store: EventStore) {
    this.#store = store;
  }

  /**
   * Runs changes of purgatory, and others, as one transaction. It is on the disk when the promise resolves.
   * @param work must not wait for anything.
   */
  change<T>(work: (changes: StoreChanges) => T): Promise<T> {
    return this.#store.transaction((changes) => {
      this.#changes = changes;
      try {
        return work(changes);
      } finally {
        this.#changes = null;
      }
    });
  }

  put(key: string, entry: Entry): void {
    this.#now.journalPut(key, entry);
  }

  remove(key: string): void {
    this.#now.journalRemove(key);
  }

  expire(key: string, id: string, untilMs: number): void {
    this.#now.journalRemove(key);
    this.#now.rememberExpired(id, Math.ceil(untilMs / 1000));
  }

  get #now(): StoreChanges {
    if (this.#changes === null) throw new Error("purgatory changes only inside a transaction");
    return this.#changes;
  }
}
