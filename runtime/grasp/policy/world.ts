/**
 * What the policy knows of the database and of purgatory when it judges.
 * @module
 */
import { type Announcement, missingUrls, type Ourselves } from "../announcement.ts";
import { type Archive, isArchived } from "../archive.ts";
import type { NostrEvent } from "../events/event.ts";
import { maintainerSet } from "../maintainers.ts";
import type { RepositoryState } from "../state.ts";

/** An author's announcement of an identifier. */
export interface KnownAnnouncement {
  readonly announcement: Announcement;
  /** `served`: visible to clients, `waiting`: in purgatory, `soft_expired`: in purgatory without a repository. */
  readonly status: "served" | "waiting" | "soft_expired";
  /** Whether it has a repository here: it lists this server, or a rule of the archive names it, or named it when it came (X1). */
  readonly isHosted: boolean;
}

/** Lists of the operator (R26, R31). Keys are hex; repositories are `<key>/<identifier>` or an identifier alone. */
export interface Lists {
  readonly denyAuthors: ReadonlySet<string>;
  readonly denyRepositories: ReadonlySet<string>;
  /** `null`: every repository is allowed. */
  readonly allowRepositories: ReadonlySet<string> | null;
  /** Largest number of repositories of one author. Default: 100. */
  readonly maxRepositories: number;
  /** What is archived; `null`: nothing. */
  readonly archive: Archive | null;
  readonly operator: string | null;
  readonly relayKey: string | null;
}

/** What is known. Every member reads, and none waits. */
export interface World {
  readonly ourselves: Ourselves;
  readonly lists: Lists;
  /** Whether names that differ only in case or Unicode form are one file here (R27, A46). */
  readonly foldsNames: boolean;
  /** Whether contributors have repositories here (X6). */
  readonly takesPrs: boolean;
  /** The newest announcement of each author, by author. */
  announcements(identifier: string): ReadonlyMap<string, KnownAnnouncement>;
  /** States that are served or wait. */
  states(identifier: string): readonly RepositoryState[];
  /** The number of repositories of an author, served and waiting. */
  repositoriesOf(author: string): number;
  /** The identifiers of an author's announcements, served and waiting. */
  identifiersOf(author: string): string[];
  /** A served event. */
  served(id: string): NostrEvent | null;
  /** A served or waiting event. */
  known(id: string): NostrEvent | null;
  /** Whether an event was deleted, or expired here. */
  remembered(id: string): "deleted" | "expired" | null;
  /** Whether an event waits. */
  isWaiting(id: string): boolean;
  /** Whether an event of an address waits. */
  isWaitingAt(address: string): boolean;
  /** A served event of an address such as `30617:<key>:<identifier>`. */
  servedAt(address: string): NostrEvent | null;
  /** The fewest steps of an accepted event that refers to an id or address (R51); `null`: none does, or none may. */
  stepsTo(target: string): number | null;
  /** Whether an address was deleted. */
  isDeletedAddress(address: string): boolean;
  /** The number of an author's deletions here (R57). */
  deletionsOf(author: string): number;
  /** Whether an author has an event here (R52, R57). */
  hasEvents(author: string): boolean;
  /** Whether an event of an author is held, so that it may come back (R35, R59). */
  hasHeld(author: string): boolean;
}

/** The maintainer sets of all owners who have a repository of an identifier here, by owner. */
export function setsOf(world: Pick<World, "announcements">, identifier: string): Map<string, Set<string>> {
  const known = world.announcements(identifier);
  const newest = new Map([...known].map(([author, { announcement }]) => [author, announcement]));
  const owners = [...known.values()]
    .filter(({ isHosted }) => isHosted)
    .map(({ announcement }) => announcement.owner);
  return new Map(owners.map((owner) => [owner, maintainerSet(owner, newest)]));
}

/** Whether an announcement gets a repository here: it lists this server, or a rule of the archive names it (R28, X1). */
export function isHosted(
  announcement: Announcement,
  { ourselves, lists }: Pick<World, "ourselves"> & { readonly lists: Pick<Lists, "archive"> },
): boolean {
  return missingUrls(announcement, ourselves).length === 0 || isArchived(announcement, lists.archive);
}
