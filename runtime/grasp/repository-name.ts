/**
 * Names of repositories.
 * @module
 */
import { identifierFault } from "./identifier.ts";
import { readKey } from "./npub.ts";

/** A repository, by its owner's key as hex and its identifier. */
export interface RepositoryName {
  readonly owner: string;
  readonly identifier: string;
}

/** Reads `OWNER/IDENTIFIER`, with the owner as an npub or as hex; `null`: it names no repository. */
export function parseRepositoryName(text: string): RepositoryName | null {
  const slash = text.indexOf("/");
  const owner = readKey(text.slice(0, Math.max(slash, 0)));
  const identifier = text.slice(slash + 1);
  return owner === null || identifierFault(identifier) !== null ? null : { owner, identifier };
}
