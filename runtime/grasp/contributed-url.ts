/**
 * Whether a clone URL names a contributor's repository here (X9).
 * @module
 */
import type { Ourselves } from "./announcement.ts";
import { contributorsOwner } from "./contributor.ts";
import { readPlace } from "./place.ts";

/** Scheme, host with port, and path. Neither of them has blanks, and nothing follows. */
const URL_PARTS = /^(https?):\/\/([^/?#\\@\s]+)(\/[^?#\\\s]*)$/i;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ":80", https: ":443" };

/**
 * The identifier of a contributor's repository here that a clone URL names (X9). The URL is read as it is: a parser of URLs would
 * take `..` and other spellings away.
 * @param author the contributor's key.
 * @returns `null`: it names none of this contributor.
 */
export function contributedBy(text: string, author: string, ourselves: Ourselves): string | null {
  const [, scheme = "", host = "", path = ""] = URL_PARTS.exec(text) ?? [];
  const { hosts, basePath } = ourselves;
  const port = DEFAULT_PORTS[scheme.toLowerCase()] ?? "";
  const name = host.toLowerCase();
  const isOurs = hosts.includes(name) || (name.endsWith(port) && hosts.includes(name.slice(0, -port.length)));
  if (!isOurs || port === "" || !path.startsWith(basePath)) return null;
  const place = readPlace(path.slice(basePath.length - 1).replace(/\/$/, ""));
  // `rest` is empty for a path with another slash, too.
  if (place === null || !path.slice(basePath.length).replace(/\/$/, "").endsWith(".git")) return null;
  return place.owner === contributorsOwner(author) && place.rest === "" ? place.identifier : null;
}
