/**
 * The paths of repositories (G1 to G4, X6).
 * @module
 */
import { contributorsOwner } from "./contributor.ts";
import { identifierFault } from "./identifier.ts";
import { fromNpub } from "./npub.ts";

/** A repository's path, `/<npub>/<identifier>.git` or `/prs/<npub>/<identifier>.git`, and what follows. */
export interface Place {
  /** A key, or a contributor's owner name (see `contributor.ts`). */
  readonly owner: string;
  readonly identifier: string;
  readonly rest: string;
}

/** The first part of contributors' paths (X6). No npub is equal to it (G5). */
const CONTRIBUTED = "prs";

/** Reads a path: split first, each part decoded once (G1, G3). @returns `null`: it is no repository's */
export function readPlace(pathname: string): Place | null {
  const [, ...parts] = pathname.split("/");
  const isContributed = decodedPart(parts[0] ?? "") === CONTRIBUTED;
  const [first = "", second = "", ...rest] = isContributed ? parts.slice(1) : parts;
  const [npub, name] = [decodedPart(first), decodedPart(second)];
  const key = npub === null ? null : fromNpub(npub);
  if (key === null || name === null || !name.endsWith(".git")) return null;
  const identifier = name.slice(0, -".git".length);
  if (identifierFault(identifier) !== null) return null;
  return { owner: isContributed ? contributorsOwner(key) : key, identifier, rest: rest.join("/") };
}

/** `null`: it is no percent-encoded UTF-8. */
function decodedPart(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
