/**
 * What a removal takes away (R57, R62): the events that a deletion names, or those of an author, as far as Git has to do with them.
 * @module
 */
import type { Core } from "./core.ts";
import { isHex64, type NostrEvent, tagValue, tagValues } from "./events/event.ts";
import type { Filter } from "./events/filter.ts";
import { KIND } from "./events/kinds.ts";
import { addressOf } from "./policy/other-policy.ts";
import { taggedRepositories } from "./policy/pr-policy.ts";
import type { Releasable } from "./purgatory/entry.ts";

/** After the date of every event, in seconds (R9). */
const NEWEST = 2 ** 31;

/** Kinds whose deletion has consequences in Git. */
export const GIT_KINDS: ReadonlySet<number> = new Set([
  KIND.announcement,
  KIND.state,
  KIND.pullRequest,
  KIND.pullRequestUpdate,
]);

/** What a removal takes away. */
export interface Targets {
  readonly served: readonly NostrEvent[];
  readonly waiting: readonly Releasable[];
  /** States and PRs that are held with a repository: they may be its authoritative state, and other repositories may have their refs. */
  readonly held: readonly NostrEvent[];
}

type TargetsCore = Pick<Core, "store" | "purgatory" | "known" | "nowSeconds">;

/** What a deletion names, or everything of who vanishes, as far as Git has to do with it. */
export function targetsOf(event: NostrEvent, core: TargetsCore): Targets {
  const targets =
    event.kind === KIND.vanish ? targetsOfVanishing(event, core) : targetsOfDeletion(event, core);
  return { ...targets, held: heldOnes(event, core) };
}

function heldOnes(event: NostrEvent, { store }: TargetsCore): NostrEvent[] {
  const { kind, pubkey, created_at } = event;
  if (!store.hasHeldBy(pubkey)) return [];
  const ids = new Set(tagValues(event, "e"));
  const addresses = new Set(tagValues(event, "a"));
  const isUntil = (one: NostrEvent) => one.created_at <= created_at;
  const isNamed = (one: NostrEvent) =>
    ids.has(one.id) || (addresses.has(addressOf(one) ?? "") && isUntil(one));
  return store
    .heldFor()
    .flatMap(({ repository }) => store.held(repository))
    .map((one) => one.event)
    .filter((one) => one.pubkey === pubkey && (one.kind === KIND.state || isPullRequest(one)))
    .filter(kind === KIND.vanish ? isUntil : isNamed);
}

function targetsOfDeletion(
  { pubkey, created_at, tags }: NostrEvent,
  { store, purgatory, known }: TargetsCore,
): Omit<Targets, "held"> {
  const served: NostrEvent[] = [];
  const waiting: Releasable[] = [];
  for (const [name, value = ""] of tags) {
    if (name === "e") {
      const event = isHex64(value) ? store.get(value) : null;
      if (event !== null) served.push(event);
      const entry = purgatory.event(value);
      if (entry !== null) waiting.push(entry);
    }
    if (name === "a") {
      const event = known.servedAt(value);
      if (event !== null && event.created_at <= created_at) served.push(event);
      waiting.push(...known.waitingAt(value).filter((entry) => entry.event.created_at <= created_at));
    }
  }
  return {
    served: unique(served.filter((one) => one.pubkey === pubkey && GIT_KINDS.has(one.kind))),
    waiting: [...new Set(waiting)].filter((entry) => entry.event.pubkey === pubkey),
  };
}

/** Everything of an author, as far as Git has to do with it (O14). */
export function targetsOfAuthor(author: string, core: TargetsCore): Targets {
  return { ...targetsOfVanishing({ pubkey: author, created_at: NEWEST }, core), held: [] };
}

function targetsOfVanishing(
  { pubkey, created_at }: Pick<NostrEvent, "pubkey" | "created_at">,
  { store, purgatory, nowSeconds }: TargetsCore,
): Omit<Targets, "held"> {
  const served: NostrEvent[] = [];
  for (let until = created_at; ; ) {
    const filter: Filter = { authors: new Set([pubkey]), kinds: GIT_KINDS, tags: new Map(), until };
    const page = store.query([filter], nowSeconds());
    const size = served.length;
    served.push(...page.filter((one) => !served.some(({ id }) => id === one.id)));
    if (served.length === size) break;
    until = page.at(-1)!.created_at;
  }
  return { served, waiting: purgatory.by(pubkey).filter(({ event }) => event.created_at <= created_at) };
}

/** The identifiers whose locks the removal of these events needs. */
export function identifiersOfTargets({ served, waiting, held }: Targets): string[] {
  const events = [...served, ...waiting.map(({ event }) => event), ...held];
  return [...new Set(events.flatMap(identifiersOfEvent))];
}

function unique(events: readonly NostrEvent[]): NostrEvent[] {
  return [...new Map(events.map((event) => [event.id, event])).values()];
}

export function isPullRequest({ kind }: NostrEvent): boolean {
  return kind === KIND.pullRequest || kind === KIND.pullRequestUpdate;
}

/** The identifiers of the repositories that an event tags. */
export function taggedIdentifiers(event: NostrEvent): Set<string> {
  return new Set(taggedRepositories(event).map(({ identifier }) => identifier));
}

function identifiersOfEvent(event: NostrEvent): string[] {
  if (event.kind === KIND.announcement || event.kind === KIND.state) return [tagValue(event, "d") ?? ""];
  return [...taggedIdentifiers(event)];
}
