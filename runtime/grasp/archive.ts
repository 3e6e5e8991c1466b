/**
 * The archive (GRASP-05): which repositories are kept although their announcements do not list this server (X1).
 * @module
 */
import type { Announcement, Ourselves } from "./announcement.ts";
import { missingUrls } from "./announcement.ts";
import { identifierFault } from "./identifier.ts";
import { fromNpub, toNpub } from "./npub.ts";

/** What is archived. */
export interface Archive {
  /** `all`, `<npub>`, `<npub>/<identifier>`, `<identifier>`, or `https://<host>` for a GRASP service. */
  readonly rules: ReadonlySet<string>;
  /** Whether only what a rule names is accepted, and every push is refused (X3, X4). */
  readonly isReadOnly: boolean;
}

const ALL = "all";
const SERVICE = /^https:\/\/([^/?#\\@\s]+)$/;
/** Clone URLs of an announcement that are compared with services. */
const MAX_URLS = 50;

/** Whether a text is a rule of the archive. */
export function isArchiveRule(text: string): boolean {
  const host = SERVICE.exec(text)?.[1];
  if (host !== undefined) return URL.canParse(text) && hostOf(text) === host;
  const slash = text.indexOf("/");
  if (slash === -1) return fromNpub(text) !== null || identifierFault(text) === null;
  return fromNpub(text.slice(0, slash)) !== null && identifierFault(text.slice(slash + 1)) === null;
}

/** Whether a rule names an announcement (X1). */
export function isArchived(announcement: Announcement, archive: Pick<Archive, "rules"> | null): boolean {
  if (archive === null || archive.rules.size === 0) return false;
  const { rules } = archive;
  const { owner, identifier, clone } = announcement;
  const npub = toNpub(owner);
  if ([ALL, npub, `${npub}/${identifier}`, identifier].some((name) => rules.has(name))) return true;
  // Hosts are compared, never searched in a text (T17).
  return clone.slice(0, MAX_URLS).some((url) => {
    const host = hostOf(url);
    return host !== null && rules.has(`https://${host}`);
  });
}

/** Whether a repository is here by a rule of the archive alone: it takes no push (A15, X4). */
export function isArchiveOnly(announcement: Announcement, ourselves: Ourselves): boolean {
  return missingUrls(announcement, ourselves).length > 0;
}

/** The host of an http or https URL in lower case, with a port that is not the scheme's own; `null`: it has none. */
function hostOf(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) ? url.host.toLowerCase() : null;
}
