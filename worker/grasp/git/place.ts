/**
 * The paths of repositories (G1 to G4).
 * @module
 */
import { identifierFault } from "../../../runtime/grasp/identifier.ts";
import { fromNpub } from "../../../runtime/grasp/npub.ts";

/** A repository's path: `/<npub>/<identifier>.git`, and what follows. */
export interface Place {
  readonly owner: string;
  readonly identifier: string;
  readonly rest: string;
}

/** Reads a path: split first, each part decoded once (G1, G3). @returns `null`: it is no repository's */
export function readPlace(pathname: string): Place | null {
  const [, first = "", second = "", ...rest] = pathname.split("/");
  const [npub, name] = [decodedPart(first), decodedPart(second)];
  const owner = npub === null ? null : fromNpub(npub);
  if (owner === null || name === null || !name.endsWith(".git")) return null;
  const identifier = name.slice(0, -".git".length);
  return identifierFault(identifier) === null ? { owner, identifier, rest: rest.join("/") } : null;
}

/** `null`: it is no percent-encoded UTF-8. */
function decodedPart(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
