/**
 * The entries in memory, found by their key, identifier or event.
 * @module
 */
import { type Entry, identifiersOf, type Placeholder, type Releasable } from "./entry.ts";

export class EntryIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #byIdentifier = new Map<string, Set<string>>();
  /** Keys of placeholders by the event that they wait for. */
  readonly #uploads = new Map<string, Set<string>>();
  /** Keys of announcements by their event's id. */
  readonly #announcements = new Map<string, string>();
  /** Keys of events by their author, and of placeholders by their repository. */
  readonly #byAuthor = new Map<string, Set<string>>();
  readonly #byRepository = new Map<string, Set<string>>();

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** All entries, in the order in which they were set: for what looks at each of them once a minute or less. */
  values(): MapIterator<Entry> {
    return this.#entries.values();
  }

  /** Everything with an identifier. */
  withIdentifier(identifier: string): Entry[] {
    return [...(this.#byIdentifier.get(identifier) ?? [])].map((key) => this.#entries.get(key)!);
  }

  /** What waits with an event. */
  withEvent(id: string): Releasable | null {
    return (this.#entries.get(this.#announcements.get(id) ?? `e:${id}`) as Releasable | undefined) ?? null;
  }

  /** The uploads that wait for an event. */
  uploadsFor(id: string): Placeholder[] {
    return [...(this.#uploads.get(id) ?? [])].map((key) => this.#entries.get(key) as Placeholder);
  }

  /** Everything by an author. */
  byAuthor(author: string): Releasable[] {
    return [...(this.#byAuthor.get(author) ?? [])].map((key) => this.#entries.get(key) as Releasable);
  }

  /** The uploads into a repository. */
  uploadsInto(repository: string): Placeholder[] {
    return [...(this.#byRepository.get(repository) ?? [])].map(
      (key) => this.#entries.get(key) as Placeholder,
    );
  }

  /** The identifiers of all entries. */
  identifiers(): string[] {
    return [...this.#byIdentifier.keys()];
  }

  set(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    for (const identifier of identifiersOf(entry)) addTo(this.#byIdentifier, identifier, key);
    if (entry.store === "placeholder") {
      addTo(this.#uploads, entry.id, key);
      addTo(this.#byRepository, entry.repository, key);
    } else addTo(this.#byAuthor, entry.event.pubkey, key);
    if (entry.store === "announcement") this.#announcements.set(entry.event.id, key);
  }

  /** Removes an entry. @returns it; `null`: there was none */
  take(key: string): Entry | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    for (const identifier of identifiersOf(entry)) removeFrom(this.#byIdentifier, identifier, key);
    if (entry.store === "placeholder") {
      removeFrom(this.#uploads, entry.id, key);
      removeFrom(this.#byRepository, entry.repository, key);
    } else removeFrom(this.#byAuthor, entry.event.pubkey, key);
    if (entry.store === "announcement") this.#announcements.delete(entry.event.id);
    return entry;
  }
}

function addTo(index: Map<string, Set<string>>, name: string, key: string): void {
  const keys = index.get(name);
  if (keys === undefined) index.set(name, new Set([key]));
  else keys.add(key);
}

function removeFrom(index: Map<string, Set<string>>, name: string, key: string): void {
  const keys = index.get(name);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(name);
}
