/**
 * What waits in purgatory, as far as it is looked at.
 * @module
 */
import type {
  Entry,
  Placeholder,
  Releasable,
  WaitingAnnouncement,
  WaitingPr,
  WaitingState,
} from "./entry.ts";
import { EntryIndex } from "./entry-index.ts";

export class Waiting {
  protected readonly index = new EntryIndex();

  announcement(owner: string, identifier: string): WaitingAnnouncement | null {
    return (this.index.get(`a:${owner}:${identifier}`) as WaitingAnnouncement | undefined) ?? null;
  }

  /** Everything that waits, the oldest first. */
  all(): Entry[] {
    return [...this.index.values()].sort((a, b) => a.arrivedMs - b.arrivedMs);
  }

  /** Everything that waits for an identifier. */
  entries(identifier: string): Entry[] {
    return this.index.withIdentifier(identifier);
  }

  announcements(identifier: string): WaitingAnnouncement[] {
    return this.#of(identifier, "announcement") as WaitingAnnouncement[];
  }

  states(identifier: string): WaitingState[] {
    return this.#of(identifier, "state") as WaitingState[];
  }

  prs(identifier: string): WaitingPr[] {
    return this.#of(identifier, "pr") as WaitingPr[];
  }

  /** What waits with this event. */
  event(id: string): Releasable | null {
    return this.index.withEvent(id);
  }

  /** Everything that waits by an author. */
  by(author: string): Releasable[] {
    return this.index.byAuthor(author);
  }

  /** The identifiers that something waits for. */
  identifiers(): string[] {
    return this.index.identifiers();
  }

  /** All uploads whose events are not known. */
  allPlaceholders(): Placeholder[] {
    return [...this.index.values()].filter((entry) => entry.store === "placeholder");
  }

  /** The uploads into a repository, `<owner>/<identifier>`, whose events are not known. */
  placeholdersIn(repository: string): Placeholder[] {
    return this.index.uploadsInto(repository);
  }

  placeholder(repository: string, id: string): Placeholder | null {
    return (this.index.get(`p:${repository}:${id}`) as Placeholder | undefined) ?? null;
  }

  /** The uploads that wait for an event, in any repository (A30). */
  placeholders(id: string): Placeholder[] {
    return this.index.uploadsFor(id);
  }

  /** Whether a state or PR of the identifier waits (S2). A waiting announcement alone waits for states, not for objects. */
  hasPending(identifier: string): boolean {
    return this.states(identifier).length > 0 || this.prs(identifier).length > 0;
  }

  /** The number of an author's announcements that wait. */
  announcementsOf(author: string): number {
    return this.by(author).filter(({ store }) => store === "announcement").length;
  }

  /** Whether an event of an author waits. */
  hasOf(author: string): boolean {
    return this.by(author).length > 0;
  }

  #of(identifier: string, store: Entry["store"]): Entry[] {
    return this.entries(identifier).filter((entry) => entry.store === store);
  }
}
