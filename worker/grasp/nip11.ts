/**
 * What the relay says about itself (NIP-11, O5 to O9).
 * @module
 */
import { EVENT_LIMITS } from "../../runtime/grasp/events/event.ts";
import { MAX_SUBSCRIPTIONS } from "../../runtime/grasp/relay/relay.ts";
import type { GraspSection } from "./config.ts";
import { MAX_LIMIT } from "./store/queries.ts";

/** Longest message of a client, in bytes. */
export const MAX_MESSAGE_BYTES = 2 * 1024 ** 2;
const MAX_SUBSCRIPTION_ID = 64;

/** The document that `/` answers to `Accept: application/nostr+json`. */
export function relayInformation(section: GraspSection, version: string): Record<string, unknown> {
  const criteria = criteriaOf(section);
  const curation = curationOf(section);
  return {
    name: section.name,
    description: section.description,
    ...(section.icon === null ? {} : { icon: section.icon }),
    ...(section.operatorPubkey === null ? {} : { pubkey: section.operatorPubkey }),
    software: "millrace",
    version,
    supported_nips: [1, 9, 11, 34, 40, 45, 62],
    supported_grasps: ["GRASP-01"],
    repo_acceptance_criteria: criteria,
    ...(curation === null ? {} : { curation }),
    limitation: {
      max_message_length: MAX_MESSAGE_BYTES,
      max_subscriptions: MAX_SUBSCRIPTIONS,
      max_limit: MAX_LIMIT,
      max_subid_length: MAX_SUBSCRIPTION_ID,
      max_event_tags: EVENT_LIMITS.maxTags,
      max_content_length: EVENT_LIMITS.maxContentBytes,
      created_at_upper_limit: EVENT_LIMITS.maxAheadSeconds,
      restricted_writes: true,
      auth_required: false,
      payment_required: false,
    },
  };
}

/** Never blank (O8). */
function criteriaOf({ allow, quota }: GraspSection): string {
  const parts = [];
  if (allow.repositories !== null) parts.push("The operator lists the repositories that are hosted.");
  if (quota.repositoriesPerAuthor !== 100)
    parts.push(`An author may have ${quota.repositoriesPerAuthor} repositories.`);
  return parts.length === 0 ? "None" : parts.join(" ");
}

/** Absent without curation (O8). */
function curationOf({ allow, deny }: GraspSection): string | null {
  const denies = deny.authors.length > 0 || deny.repositories.length > 0;
  if (allow.repositories !== null && denies)
    return "Only listed repositories are hosted, and some authors or repositories are refused.";
  if (allow.repositories !== null) return "Only listed repositories are hosted.";
  return denies ? "Some authors or repositories are refused." : null;
}
