/**
 * What an identifier's waiting events need, and which servers may have it (S3 to S7). Pure: the world is given.
 * @module
 */
import { isNewer, type NostrEvent, tagValues } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";
import { overlap } from "../maintainers.ts";
import { commitOf, taggedRepositories } from "../policy/pr-policy.ts";
import type { World } from "../policy/world.ts";
import { readState } from "../state.ts";
import { cloneUrl, isGraspUrl, type UrlRules } from "./urls.ts";

/** An object that is missing. */
export interface Need {
  /** 40 lower-case hex digits (S4). */
  readonly id: string;
  /** The events that need it. */
  readonly events: readonly NostrEvent[];
}

/** Clone URLs that are read of one event. The rest of a longer list is not asked. */
export const MAX_URLS = 50;
const OBJECT_ID = /^[0-9a-f]{40}$/;
const ZEROS = /^0+$/;
/** The prefix of the keys of sources that are asked for a PR's commit only (S7). */
const PR_KEY = "pr ";

/**
 * The ids that events name, each with the events that need it (S3, S4). A state that is older than a served one of its author
 * needs nothing (S5).
 */
export function idsNamed(
  events: Iterable<NostrEvent>,
  served: (kind: number, author: string) => NostrEvent | null,
): Map<string, NostrEvent[]> {
  const named = new Map<string, NostrEvent[]>();
  for (const event of events) {
    for (const id of idsOf(event, served)) {
      if (!OBJECT_ID.test(id) || ZEROS.test(id)) continue;
      const others = named.get(id);
      if (others === undefined) named.set(id, [event]);
      else others.push(event);
    }
  }
  return named;
}

function idsOf(
  event: NostrEvent,
  served: (kind: number, author: string) => NostrEvent | null,
): Iterable<string> {
  if (event.kind !== KIND.state) return [commitOf(event) ?? ""];
  const newest = served(KIND.state, event.pubkey);
  if (newest !== null && newest.id !== event.id && isNewer(newest, event)) return [];
  const read = readState(event);
  return "state" in read ? new Set(read.state.refs.values()) : [];
}

/** The owners whose repositories an event concerns: those whose set has the state's author, or those that a PR is for (N7, N11). */
export function ownersConcerned(
  event: NostrEvent,
  identifier: string,
  sets: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  if (event.kind === KIND.state)
    return [...sets.keys()].filter((owner) => sets.get(owner)!.has(event.pubkey));
  const tagged = new Set(
    taggedRepositories(event)
      .filter((one) => one.identifier === identifier)
      .map(({ owner }) => owner),
  );
  return [...sets.keys()].filter((owner) => tagged.has(owner) || overlap(sets.get(owner)!, tagged));
}

/** Where something may be had. A source with a PR's key is asked for that PR's commit only. */
export interface CloneSource {
  readonly url: string;
  readonly key: string;
}

/**
 * The servers that may have what is needed, in the order in which they are asked (S6): clone URLs of the owners concerned, then
 * those of the identifier's other announcements, in both those with a GRASP path first; then the PRs' own.
 */
export function cloneSources(
  identifier: string,
  needs: readonly Need[],
  sets: ReadonlyMap<string, ReadonlySet<string>>,
  announcements: ReturnType<World["announcements"]>,
  rules: UrlRules,
): CloneSource[] {
  const events = new Set(needs.flatMap((need) => need.events));
  const concerned = new Set([...events].flatMap((event) => ownersConcerned(event, identifier, sets)));
  const own: string[] = [];
  const others: string[] = [];
  for (const [owner, { announcement }] of announcements) {
    (concerned.has(owner) ? own : others).push(...allowed(announcement.clone, rules));
  }
  const first = [own, others].flatMap((urls) => graspFirst(urls, identifier));
  const sources = new Map(first.map((url) => [url, { url, key: url }]));
  for (const event of events) {
    for (const url of prUrls(event, rules)) {
      if (!sources.has(url)) sources.set(url, { url, key: PR_KEY + url });
    }
  }
  return [...sources.values()];
}

/** Those of the needs that a source is asked for (S7). */
export function askedOf<N extends Need>(
  { url, key }: CloneSource,
  needs: readonly N[],
  rules: UrlRules,
): N[] {
  if (!key.startsWith(PR_KEY)) return [...needs];
  return needs.filter(({ events }) => events.some((event) => prUrls(event, rules).includes(url)));
}

/** The clone URLs of a PR; a state has none of its own. */
function prUrls(event: NostrEvent, rules: UrlRules): string[] {
  return event.kind === KIND.state ? [] : allowed(tagValues(event, "clone"), rules);
}

function allowed(texts: readonly string[], rules: UrlRules): string[] {
  return texts.slice(0, MAX_URLS).flatMap((text) => {
    const judged = cloneUrl(text, rules);
    return "url" in judged ? judged.url : [];
  });
}

function graspFirst(urls: readonly string[], identifier: string): string[] {
  const isGrasp = (url: string) => isGraspUrl(url, identifier);
  return [...urls.filter(isGrasp), ...urls.filter((url) => !isGrasp(url))];
}
