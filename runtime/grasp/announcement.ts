/**
 * Repository announcements (NIP-34, kind 30617): what they say, and whether they list this server (R26 to R31).
 * @module
 */
import { type NostrEvent, tagValue, tagValues } from "./events/event.ts";
import { identifierFault } from "./identifier.ts";
import { readKey, toNpub } from "./npub.ts";
import { type Role, readRoles } from "./roles.ts";

/** A repository announcement that can be read. */
export interface Announcement {
  readonly event: NostrEvent;
  /** The author's key. */
  readonly owner: string;
  readonly identifier: string;
  readonly clone: readonly string[];
  readonly relays: readonly string[];
  /** Keys of the flat `maintainers` tag. It gives no right where there are roles (A12). */
  readonly maintainers: readonly string[];
  /** Role tags; `null`: the announcement has none. */
  readonly roles: readonly Role[] | null;
}

/** Under which names this server is known. */
export interface Ourselves {
  /** Hosts in lower case, with their port if it is not the scheme's own, such as `git.example` or `127.0.0.1:7334`. */
  readonly hosts: readonly string[];
  /** The path below which we serve. It begins and ends with `/`. */
  readonly basePath: string;
}

/**
 * Reads an announcement.
 * @returns what is wrong with it, as the rest of `invalid: …`.
 */
export function readAnnouncement(event: NostrEvent): { announcement: Announcement } | { fault: string } {
  const identifier = tagValue(event, "d");
  if (identifier === undefined) return { fault: "the announcement has no d tag" };
  const fault = identifierFault(identifier);
  if (fault !== null) return { fault };
  if (event.tags.some(([name, value]) => name === "private" && value === "true")) {
    return { fault: "private repositories are not hosted here" };
  }
  const owner = event.pubkey;
  const keys = tagValues(event, "maintainers").map(readKey);
  return {
    announcement: {
      event,
      owner,
      identifier,
      clone: tagValues(event, "clone"),
      relays: tagValues(event, "relays"),
      maintainers: [...new Set(keys)].filter((key): key is string => key !== null && key !== owner),
      roles: readRoles(event),
    },
  };
}

/** The path of a repository here, below the base path: `<npub>/<percent-encoded identifier>.git`. */
export function repositoryPath({ owner, identifier }: Pick<Announcement, "owner" | "identifier">): string {
  return `${toNpub(owner)}/${encodeURIComponent(identifier)}.git`;
}

/** What an announcement must list and does not: a tag, and the URL to add to it. */
export interface MissingUrl {
  readonly tag: "clone" | "relays";
  readonly url: string;
}

/**
 * Which of the two URLs of this server an announcement does not list (R28). URLs are parsed and compared, never searched.
 * @returns an empty list if it lists us.
 */
export function missingUrls(announcement: Announcement, { hosts, basePath }: Ourselves): MissingUrl[] {
  const path = basePath + repositoryPath(announcement);
  const isOurs = (text: string, schemes: readonly string[], wanted: readonly string[]) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    return (
      url !== null &&
      schemes.includes(url.protocol) &&
      url.username === "" &&
      url.password === "" &&
      url.search === "" &&
      url.hash === "" &&
      hosts.includes(hostOf(url)) &&
      wanted.includes(url.pathname)
    );
  };
  const missing: MissingUrl[] = [];
  const [host] = hosts;
  if (!announcement.clone.some((url) => isOurs(url, ["http:", "https:"], [path]))) {
    missing.push({ tag: "clone", url: `https://${host}${path}` });
  }
  const relayPaths = [basePath, basePath.replace(/(?<=.)\/$/, "")];
  if (!announcement.relays.some((url) => isOurs(url, ["ws:", "wss:"], relayPaths))) {
    missing.push({ tag: "relays", url: `wss://${host}${basePath === "/" ? "" : basePath}` });
  }
  return missing;
}

/** A URL's host in lower case, without a trailing dot, with the port where it is not the scheme's own. */
function hostOf(url: URL): string {
  const name = url.hostname.toLowerCase().replace(/\.$/, "");
  return url.port === "" ? name : `${name}:${url.port}`;
}
