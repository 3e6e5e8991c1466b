/**
 * Names of repositories as operators write them.
 * @module
 */
import { contributorsOwner, ownerText } from "../../../runtime/grasp/contributor.ts";
import { parseRepositoryName, type RepositoryName } from "../../../runtime/grasp/repository-name.ts";
import { UsageError } from "../../cli/command.ts";

export const REPOSITORY = {
  value: "NPUB/IDENTIFIER",
  summary: "the repository; its owner as npub or 64 hex digits",
};

/** @throws {UsageError} if it is none. */
export function repositoryOf(text: string): RepositoryName {
  const isContributed = text.startsWith("prs/");
  const name = parseRepositoryName(text.replace(/^prs\//, "").replace(/\.git$/, ""));
  if (name !== null && isContributed)
    return { owner: contributorsOwner(name.owner), identifier: name.identifier };
  if (name === null) throw new UsageError(`"${text}" names no repository; expected NPUB/IDENTIFIER`);
  return name;
}

/** A contributor's repository is shown as its path is: `prs/NPUB/IDENTIFIER`. */
export function nameOf({ owner, identifier }: RepositoryName): string {
  return `${ownerText(owner)}/${identifier}`;
}
