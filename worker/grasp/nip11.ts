/**
 * What the relay says about itself (NIP-11, O5 to O9).
 * @module
 */
import { EVENT_LIMITS } from "../../runtime/grasp/events/event.ts";
import { archiveOf, followsRelays, type GraspSection } from "./config.ts";
import type { Build } from "./observe.ts";
import { MAX_LIMIT } from "./store/queries.ts";

const MAX_SUBSCRIPTION_ID = 64;
/** The protocols that work, by number. */
export const SUPPORTED_NIPS = [1, 9, 11, 34, 40, 42, 45, 62, 70, 77] as const;
const DEFAULT_REPOSITORIES = 100;
const MINUTE_SECONDS = 60;
const GIB = 1024 ** 3;

/** What the document is made of. */
type Facts = Pick<
  GraspSection,
  | "name"
  | "description"
  | "operatorPubkey"
  | "allow"
  | "deny"
  | "quota"
  | "limits"
  | "domain"
  | "basePath"
  | "sync"
  | "prs"
  | "archive"
>;

/** The answer of `/` to `Accept: application/nostr+json`. */
export function relayInformation(section: Facts, build: Build): Response {
  return new Response(JSON.stringify(relayDocument(section, build)), {
    headers: { "content-type": "application/nostr+json" },
  });
}

/** The document (O6). */
export function relayDocument(
  section: Facts,
  build: Pick<Build, "version" | "commit">,
): Record<string, unknown> {
  const { name, description, operatorPubkey, domain, basePath, quota, limits } = section;
  const curation = curationOf(section);
  return {
    name,
    description,
    ...(operatorPubkey === null ? {} : { pubkey: operatorPubkey }),
    icon: `https://${domain}${basePath}icon.png`,
    software: "millrace",
    version: versionText(build),
    supported_nips: SUPPORTED_NIPS,
    supported_grasps: supportedGrasps(section),
    repo_acceptance_criteria: criteriaOf(section),
    ...(curation === null ? {} : { curation }),
    limitation: {
      max_message_length: limits.messageBytes,
      max_subscriptions: limits.subscriptions,
      max_limit: MAX_LIMIT,
      max_subid_length: MAX_SUBSCRIPTION_ID,
      max_event_tags: limits.tags,
      max_content_length: limits.contentBytes,
      created_at_upper_limit: EVENT_LIMITS.maxAheadSeconds,
      restricted_writes: true,
      auth_required: false,
      payment_required: false,
    },
    quota: {
      repositories_per_author: quota.repositoriesPerAuthor,
      bytes_per_author: quota.bytesPerAuthor,
      bytes_per_repository: quota.bytesPerRepository,
    },
    // Served events stay; what waits for its Git data goes after half an hour.
    retention: [{ time: null }],
    purgatory_seconds: 30 * MINUTE_SECONDS,
  };
}

/** What is on, in the order of O7. */
export function supportedGrasps(section: Pick<GraspSection, "archive" | "sync" | "prs">): string[] {
  return [
    "GRASP-01",
    ...(archiveOf(section) === null ? [] : ["GRASP-05"]),
    ...(followsRelays(section) ? ["GRASP-02"] : []),
    ...(section.prs.enabled ? ["GRASP-06"] : []),
  ];
}

/** The version with its commit, such as `0.1.0+44e492c7`. */
export function versionText({ version, commit }: Pick<Build, "version" | "commit">): string {
  return commit === "" ? version : `${version}+${commit}`;
}

/** The names of `/.well-known/nostr.json`: `_` is the operator (NIP-05). */
export function nostrNames({ operatorPubkey }: Pick<GraspSection, "operatorPubkey">): Record<string, string> {
  return operatorPubkey === null ? {} : { _: operatorPubkey };
}

/** What a repository must be to be accepted (O8): never blank. */
export function criteriaOf(section: Pick<GraspSection, "allow" | "quota" | "archive">): string {
  const { allow, quota } = section;
  const archive = archiveOf(section);
  const parts = [];
  if (archive?.isReadOnly)
    parts.push("A read-only archive: the operator names what is kept, and nothing is pushed.");
  else if (archive !== null)
    parts.push("Repositories that list this server, and an archive of others that the operator names.");
  if (allow.repositories !== null) parts.push("The operator lists the repositories that are hosted.");
  if (quota.repositoriesPerAuthor !== DEFAULT_REPOSITORIES) {
    parts.push(`An author may have ${quota.repositoriesPerAuthor} repositories.`);
  }
  return parts.length === 0 ? "None" : parts.join(" ");
}

/** How the operator chooses what is served (O8); `null`: not at all. */
export function curationOf(section: Pick<GraspSection, "allow" | "deny" | "archive">): string | null {
  const { allow, deny } = section;
  const denies = deny.authors.length > 0 || deny.repositories.length > 0;
  const archive = archiveOf(section);
  if (archive !== null) {
    const kept = archive.isReadOnly
      ? "A read-only archive of the repositories that the operator names"
      : "Beside repositories that list this server, an archive of others that the operator names";
    const allowed = allow.repositories === null ? "" : "; of the former only listed ones are hosted";
    return `${kept}${allowed}${denies ? "; some authors or repositories are refused" : ""}.`;
  }
  if (allow.repositories !== null && denies) {
    return "Only listed repositories are hosted, and some authors or repositories are refused.";
  }
  if (allow.repositories !== null) return "Only listed repositories are hosted.";
  return denies ? "Some authors or repositories are refused." : null;
}

/** A size for people, such as `10 GiB`. */
export function sizeText(bytes: number): string {
  return bytes >= GIB ? `${Math.round((bytes / GIB) * 10) / 10} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}
