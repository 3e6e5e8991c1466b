/**
 * Names of repositories as operators write them.
 * @module
 */
import { identifierFault } from "../../../runtime/grasp/identifier.ts";
import { readKey, toNpub } from "../../../runtime/grasp/npub.ts";
import { UsageError } from "../../cli/command.ts";

/** A repository, by its owner's key as hex and its identifier. */
export interface RepositoryName {
  readonly owner: string;
  readonly identifier: string;
}

export const REPOSITORY = {
  value: "NPUB/IDENTIFIER",
  summary: "the repository; its owner as npub or 64 hex digits",
};

/** @throws {UsageError} if it is none. */
export function repositoryOf(text: string): RepositoryName {
  const slash = text.indexOf("/");
  const owner = readKey(text.slice(0, Math.max(slash, 0)));
  const identifier = text.slice(slash + 1).replace(/\.git$/, "");
  if (owner === null || identifierFault(identifier) !== null)
    throw new UsageError(`"${text}" names no repository; expected NPUB/IDENTIFIER`);
  return { owner, identifier };
}

export function nameOf({ owner, identifier }: RepositoryName): string {
  return `${toNpub(owner)}/${identifier}`;
}
