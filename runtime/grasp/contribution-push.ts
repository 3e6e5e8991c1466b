/**
 * Whether a push to a contributor's repository may happen (X8, X12, X13).
 * @module
 */
import { contributorOf, readRepositoryName } from "./contributor.ts";
import type { CommandList, RefCommand } from "./git/command-list.ts";
import type { RefSnapshot } from "./ports.ts";
import type { Purgatory } from "./purgatory/purgatory.ts";
import {
  GRANTED,
  NOSTR_REF,
  nostrFault,
  nostrId,
  type PushDecision,
  type PushParts,
  refuseAll,
} from "./push.ts";

const FOREIGN = "only refs/nostr/<event id> is taken here";
export const TAKEN = "another contributor's repository has an upload for this event id";

/** What a push to a contributor's repository is judged by. */
export interface ContributionParts extends PushParts {
  /** Event ids whose commit another contributor's repository has. */
  readonly taken: ReadonlySet<string>;
}

/**
 * Judges a push to a contributor's repository by its list, the refs, and what is known now. All commands are granted, or none.
 * @param owner a contributor's owner name.
 */
export function decideContribution(
  owner: string,
  identifier: string,
  { commands }: Pick<CommandList, "commands">,
  { refs }: Pick<RefSnapshot, "refs">,
  parts: ContributionParts,
): PushDecision {
  if (commands.length === 0) return { ...GRANTED, reason: "nothing" };
  if (commands.some(({ ref }) => !NOSTR_REF.test(ref)))
    return refuseAll(commands, "foreign_name", FOREIGN, [
      "This path takes pull requests only.",
      "Push to refs/nostr/<event id>, and publish a pull request event with that commit in its c tag.",
    ]);
  const { known, purgatory, taken } = parts;
  if (known.lists.denyAuthors.has(contributorOf(owner) ?? ""))
    return refuseAll(commands, "denied", "this author is not served here", [
      "This author is not served here.",
    ]);
  const unclaimed: RefCommand[] = [];
  for (const command of commands) {
    const fault = nostrFault(command, owner, identifier, refs, parts);
    if (fault !== null && fault.reason !== "unclaimed")
      return refuseAll(commands, fault.reason, fault.text, [fault.text]);
    const id = nostrId(command.ref) ?? "";
    if (taken.has(id) || hasOtherUpload(id, `${owner}/${identifier}`, purgatory))
      return refuseAll(commands, "id_taken", TAKEN, [TAKEN]);
    if (fault !== null) unclaimed.push(command);
  }
  return unclaimed.length === 0 ? GRANTED : { ...GRANTED, reason: "unclaimed", unclaimed };
}

/** Whether another contributor's repository than this one, `<owner>/<identifier>`, has an upload for an event (X12). */
export function hasOtherUpload(
  id: string,
  repository: string,
  purgatory: Pick<Purgatory, "placeholders">,
): boolean {
  if (contributorOf(repository) === null) return false;
  return purgatory
    .placeholders(id)
    .some(
      (one) =>
        one.repository !== repository && contributorOf(readRepositoryName(one.repository).owner) !== null,
    );
}
