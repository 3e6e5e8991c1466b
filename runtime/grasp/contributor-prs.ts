/**
 * Which served PRs a contributor's repository has (X10, N25).
 * @module
 */
import { contributorOf } from "./contributor.ts";
import type { NostrEvent } from "./events/event.ts";
import type { Known } from "./known.ts";
import { hostsOf, taggedRepositories } from "./policy/pr-policy.ts";

/**
 * The served PRs whose refs a contributor's repository has or had.
 * @param owner a contributor's owner name.
 * @param refs those of the repository now.
 */
export function contributionsIn(
  owner: string,
  identifier: string,
  refs: ReadonlyMap<string, string>,
  known: Known,
): NostrEvent[] {
  // Of those that are in other repositories it is not known whether they were here.
  return known
    .pullRequestsBy(contributorOf(owner) ?? "", identifier)
    .filter(
      (event) =>
        refs.has(`refs/nostr/${event.id}`) ||
        refs.size === 0 ||
        hostsOf(taggedRepositories(event), known).length === 0,
    );
}
