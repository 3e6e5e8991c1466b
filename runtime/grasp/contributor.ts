/**
 * Contributors' repositories (GRASP-06) among the others: the owner of one has a name of its own, `prs/<hex key>`, which no key is
 * equal to. So what belongs to a contributor's repository is never taken for what belongs to an announced one.
 * @module
 */
import { toNpub } from "./npub.ts";

const PREFIX = "prs/";

/** The owner name of a contributor's repositories, and their folder below the one of all repositories (X10). */
export function contributorsOwner(key: string): string {
  return PREFIX + key;
}

/** The key of the contributor whose repositories have this owner name; `null`: it is an owner's key. */
export function contributorOf(owner: string): string | null {
  return owner.startsWith(PREFIX) ? owner.slice(PREFIX.length) : null;
}

/** An owner as paths of ours and the log name it: `<npub>` or `prs/<npub>`. */
export function ownerText(owner: string): string {
  const contributor = contributorOf(owner);
  return contributor === null ? toNpub(owner) : PREFIX + toNpub(contributor);
}

/** Takes `<owner>/<identifier>` apart. An identifier has no slash. */
export function readRepositoryName(name: string): { readonly owner: string; readonly identifier: string } {
  const slash = name.lastIndexOf("/");
  return { owner: name.slice(0, slash), identifier: name.slice(slash + 1) };
}
