/**
 * Purgatory's journal in the database: changes of purgatory are transactions (P27).
 * @module
 */
import type { GraspHappening, Happenings } from "../happenings.ts";
import type { EventStore, StoreChanges } from "../ports.ts";
import type { Entry } from "./entry.ts";
import type { Journal } from "./purgatory.ts";

/** A transaction under way. */
interface Change {
  readonly changes: StoreChanges;
  /** What is told once the transaction is on the disk. */
  readonly happenings: GraspHappening[];
  /** What makes memory as it was, if the transaction fails. */
  readonly undo: (() => void)[];
}

export class StoreJournal implements Journal {
  readonly #store: EventStore;
  readonly #happenings: Happenings;
  #change: Change | null = null;

  constructor(store: EventStore, happenings: Happenings) {
    this.#store = store;
    this.#happenings = happenings;
  }

  /**
   * Runs changes of purgatory, and others, as one transaction. It is on the disk when the promise resolves.
   * @param work must not wait for anything.
   * @throws what `work` or the database throws; memory and database are then as before.
   */
  async change<T>(work: (changes: StoreChanges) => T): Promise<T> {
    const happenings: GraspHappening[] = [];
    const undo: (() => void)[] = [];
    let result: T;
    try {
      result = await this.#store.transaction((changes) => {
        this.#change = { changes, happenings, undo };
        try {
          return work(changes);
        } catch (error) {
          // Before the next transaction of the same commit looks at memory.
          takeBack(undo);
          throw error;
        } finally {
          this.#change = null;
        }
      });
    } catch (error) {
      takeBack(undo);
      throw error;
    }
    for (const happening of happenings) this.#happenings.tell(happening);
    return result;
  }

  put(key: string, entry: Entry): void {
    this.#now.changes.journalPut(key, entry);
  }

  remove(key: string): void {
    this.#now.changes.journalRemove(key);
  }

  expire(key: string, id: string, untilMs: number): void {
    const { changes } = this.#now;
    changes.journalRemove(key);
    changes.rememberExpired(id, Math.ceil(untilMs / 1000));
  }

  undo(work: () => void): void {
    this.#now.undo.push(work);
  }

  tell(happening: GraspHappening): void {
    this.#now.happenings.push(happening);
  }

  get #now(): Change {
    if (this.#change === null) throw new Error("purgatory changes only inside a transaction");
    return this.#change;
  }
}

/** Makes memory as it was, once, the last change first. */
function takeBack(undo: (() => void)[]): void {
  for (const one of undo.splice(0).reverse()) one();
}
