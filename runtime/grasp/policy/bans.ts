/**
 * What the operator bans while the service runs (O14): kept in the database, and denied like what the settings deny (R26).
 * @module
 */
import { isHex64 } from "../events/event.ts";
import type { EventStore } from "../ports.ts";
import type { Lists } from "./world.ts";

/** The operator's lists, with what is banned in them. */
export class ListsWithBans implements Lists {
  readonly #lists: Lists;
  readonly #store: Pick<EventStore, "bans">;
  #bans: readonly string[];
  /** Sets that were joined with bans, by the set of the settings. */
  #joined = new Map<ReadonlySet<string>, ReadonlySet<string>>();

  constructor(lists: Lists, store: Pick<EventStore, "bans">) {
    this.#lists = lists;
    this.#store = store;
    this.#bans = store.bans();
  }

  /** Takes over the bans of the database. */
  reload(): void {
    this.#bans = this.#store.bans();
    this.#joined = new Map();
  }

  get denyAuthors(): ReadonlySet<string> {
    return this.#with(this.#lists.denyAuthors, isHex64);
  }

  get denyRepositories(): ReadonlySet<string> {
    return this.#with(this.#lists.denyRepositories, () => true);
  }

  get allowRepositories(): ReadonlySet<string> | null {
    return this.#lists.allowRepositories;
  }

  get maxRepositories(): number {
    return this.#lists.maxRepositories;
  }

  get archive(): Lists["archive"] {
    return this.#lists.archive;
  }

  get operator(): string | null {
    return this.#lists.operator;
  }

  get relayKey(): string | null {
    return this.#lists.relayKey;
  }

  #with(denied: ReadonlySet<string>, isMeant: (ban: string) => boolean): ReadonlySet<string> {
    let joined = this.#joined.get(denied);
    if (joined === undefined) {
      // The settings were read again: earlier sets are not asked for any more.
      if (this.#joined.size >= 2) this.#joined.clear();
      joined = new Set([...denied, ...this.#bans.filter(isMeant)]);
      this.#joined.set(denied, joined);
    }
    return joined;
  }
}
