/**
 * Names of repositories as operators write them.
 * @module
 */
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { parseRepositoryName, type RepositoryName } from "../../../runtime/grasp/repository-name.ts";
import { UsageError } from "../../cli/command.ts";

export const REPOSITORY = {
  value: "NPUB/IDENTIFIER",
  summary: "the repository; its owner as npub or 64 hex digits",
};

/** @throws {UsageError} if it is none. */
export function repositoryOf(text: string): RepositoryName {
  const name = parseRepositoryName(text.replace(/\.git$/, ""));
  if (name === null) throw new UsageError(`"${text}" names no repository; expected NPUB/IDENTIFIER`);
  return name;
}

export function nameOf({ owner, identifier }: RepositoryName): string {
  return `${toNpub(owner)}/${identifier}`;
}
