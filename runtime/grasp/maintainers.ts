/**
 * Maintainer sets: who may publish states of an owner's repository (A11 to A14).
 * @module
 */
import type { Announcement } from "./announcement.ts";
import { maintains } from "./roles.ts";

/** Longest chain from the owner to a maintainer (A14). */
const MAX_STEPS = 10;
/** Largest set (A14). */
const MAX_KEYS = 200;

/** What the set looks at of an announcement. */
export type Naming = Pick<Announcement, "owner" | "maintainers" | "roles">;

/**
 * The maintainer set of an owner's repository.
 * @param owner the owner's key.
 * @param newest each author's newest announcement of the identifier, served or waiting, by the author's key.
 * @returns the owner first, then the others in the order in which they are found.
 */
export function maintainerSet(owner: string, newest: ReadonlyMap<string, Naming>): Set<string> {
  return new Set(maintainersWithInviter(owner, newest).keys());
}

/**
 * The same, with who brought each key in.
 * @returns each key with the author whose announcement names it; the owner has its own. In the order of {@link maintainerSet}.
 */
export function maintainersWithInviter(
  owner: string,
  newest: ReadonlyMap<string, Naming>,
): Map<string, string> {
  const inviters = new Map([[owner, owner]]);
  let last = [owner];
  for (let step = 0; step < MAX_STEPS && last.length > 0; step++) {
    const found: string[] = [];
    for (const inviting of last) {
      for (const key of named(inviting, newest)) {
        if (inviters.size === MAX_KEYS) return inviters;
        if (inviters.has(key) || hasLeft(key, newest)) continue;
        inviters.set(key, inviting);
        found.push(key);
      }
    }
    last = found;
  }
  return inviters;
}

/** The keys that an author's announcement brings in. */
function named(author: string, newest: ReadonlyMap<string, Naming>): string[] {
  const announcement = newest.get(author);
  if (announcement === undefined) return [];
  if (announcement.roles === null) return [...announcement.maintainers];
  const invited = announcement.roles.filter(maintains).map(({ key }) => key);
  return invited.filter((key) => acknowledges(key, author, newest));
}

/** Whether a key's own announcement names the one that invites it. */
function acknowledges(key: string, inviting: string, newest: ReadonlyMap<string, Naming>): boolean {
  const own = newest.get(key);
  if (own === undefined) return false;
  if (own.roles === null) return own.maintainers.includes(inviting);
  return own.roles.some((role) => role.key === inviting && maintains(role));
}

/** Whether a key's own announcement has roles for itself, and none of them lets it maintain. */
function hasLeft(key: string, newest: ReadonlyMap<string, Naming>): boolean {
  const own = newest.get(key)?.roles?.filter((role) => role.key === key) ?? [];
  return own.length > 0 && !own.some(maintains);
}

/** Whether two owners' sets have a key in common. */
export function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const key of a) if (b.has(key)) return true;
  return false;
}
