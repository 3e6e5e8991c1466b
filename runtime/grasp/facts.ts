/**
 * What is known of a repository, for its page and for `status.json` (G27): one function makes the facts, and two renderers show
 * them. Texts of events are foreign and unchanged; renderers escape them.
 * @module
 */
import { type NostrEvent, tagValue, tagValues } from "./events/event.ts";
import { isBranchOrTag } from "./git/ref-name.ts";
import { maintainersWithInviter } from "./maintainers.ts";
import { toNpub } from "./npub.ts";
import { commitOf } from "./policy/pr-policy.ts";
import type { KnownAnnouncement } from "./policy/world.ts";
import type { RefSnapshot } from "./ports.ts";
import { type Entry, keyOf } from "./purgatory/entry.ts";
import type { Asked } from "./purgatory-sync/history.ts";
import type { RepairResult } from "./repair-plan.ts";
import { type RepositoryState, readState } from "./state.ts";

/** Where something is. */
export type Place = "served" | "waiting";

/** An event, as far as pages name it. Times are seconds since the epoch; authors are npubs. */
export interface EventFacts {
  readonly id: string;
  readonly author: string;
  readonly created_at: number;
  readonly place: Place;
}

export interface AnnouncementFacts extends EventFacts {
  readonly name: string | null;
  readonly description: string | null;
  readonly web: readonly string[];
  readonly topics: readonly string[];
  /** `u`: what it is a fork of. */
  readonly fork_of: readonly string[];
  /** `r`: commits or addresses that identify the project. */
  readonly references: readonly string[];
  readonly clone: readonly string[];
  readonly relays: readonly string[];
}

/** A key that may publish states, and so decide what is pushed. */
export interface PusherFacts {
  readonly npub: string;
  readonly role: "owner" | "maintainer";
  /** The announcement that names it. */
  readonly because: Pick<EventFacts, "id" | "author" | "created_at" | "place">;
}

/** A role tag of the owner's announcement (A12). */
export interface RoleFacts {
  readonly npub: string;
  readonly role: "lead maintainer" | "maintainer" | "moderator";
  readonly is_active: boolean;
}

/** A ref that the authoritative state names, or that is here. */
export interface RefFacts {
  readonly name: string;
  /** What the state says; `null`: it does not name the ref. */
  readonly stated: string | null;
  /** What is here; `null`: nothing. */
  readonly here: string | null;
}

export interface StateFacts extends EventFacts {
  readonly head: string | null;
}

export interface WaitingFacts {
  readonly what: "announcement" | "state" | "pull request" | "upload";
  readonly id: string;
  /** `null` for an upload, whose event is not known. */
  readonly author: string | null;
  readonly since: number;
  readonly until: number;
  readonly source: "direct" | "sync";
  /** Object ids that it names and that are not here, at most {@link MAX_MISSING}. */
  readonly missing: readonly string[];
  /** How many more are missing. */
  readonly missing_more: number;
}

/** A server that was asked for missing objects. */
export interface AskedFacts {
  readonly url: string;
  readonly started: number;
  /** `null`: it is being asked. */
  readonly ended: number | null;
  readonly outcome: string | null;
  readonly answer: string | null;
  readonly objects: number;
  readonly times: number;
}

export interface RepositoryFacts {
  readonly owner: string;
  readonly identifier: string;
  readonly place: Place;
  readonly urls: {
    /** For `git clone`, with a remote helper for Nostr. */
    readonly nostr: string;
    readonly https: string;
    /** The repository in a web client. */
    readonly web_client: string;
  };
  readonly announcement: AnnouncementFacts;
  readonly may_push: readonly PusherFacts[];
  readonly roles: readonly RoleFacts[];
  /** The authoritative state (A18); `null`: there is none. */
  readonly state: StateFacts | null;
  readonly head: string | null;
  readonly refs: readonly RefFacts[];
  readonly waiting: readonly WaitingFacts[];
  readonly asked: readonly AskedFacts[];
  /** The last hourly check; `null`: there was none since the start. */
  readonly last_repair: RepairFacts | null;
}

/** The last check of a repository by repair (S26). */
export interface RepairFacts {
  readonly checked: number;
  /** When the history of the objects was looked at; `null`: not since the start. */
  readonly history_checked: number | null;
  readonly status: RepairResult["status"];
  /** Number of missing objects, and some of them. */
  readonly missing: number;
  readonly missing_objects: readonly string[];
}

/** What the facts are made of. */
export interface FactSources {
  readonly owner: string;
  readonly identifier: string;
  /** Host and base path of this server, such as `git.example/`. */
  readonly address: string;
  /** The newest announcement of each author, with the owner's. */
  readonly announcements: ReadonlyMap<string, KnownAnnouncement>;
  readonly state: RepositoryState | null;
  readonly isStateServed: boolean;
  /** What waits for this identifier. */
  readonly entries: readonly Entry[];
  /** `null`: there is no repository. */
  readonly snapshot: RefSnapshot | null;
  /** Those of {@link idsWanted} that are not here. */
  readonly missing: ReadonlySet<string>;
  readonly asked: readonly Asked[];
  readonly repair: RepairResult | null;
}

/** Missing objects that are named of one event. */
export const MAX_MISSING = 20;
/** Object ids of one entry that are looked for. */
const MAX_LOOKED_FOR = 100;
/** Values of a tag that are shown. */
const MAX_VALUES = 50;

/** The facts of a repository. The owner's announcement must be among the sources. */
export function repositoryFacts(sources: FactSources): RepositoryFacts {
  const { owner, identifier, address, announcements, state, snapshot } = sources;
  const own = announcements.get(owner)!;
  const npub = toNpub(owner);
  const name = encodeURIComponent(identifier);
  return {
    owner: npub,
    identifier,
    place: placeOf(own),
    urls: {
      nostr: `nostr://${npub}/${name}`,
      https: `https://${address}${npub}/${name}.git`,
      web_client: `https://gitworkshop.dev/${npub}/${name}`,
    },
    announcement: announcementFacts(own),
    may_push: pushersOf(owner, announcements),
    roles: (own.announcement.roles ?? []).map(({ kind, key, isActive }) => ({
      npub: toNpub(key),
      role: ROLES[kind],
      is_active: isActive,
    })),
    state:
      state === null
        ? null
        : { ...eventFacts(state.event, sources.isStateServed ? "served" : "waiting"), head: state.head },
    head: snapshot?.head ?? null,
    refs: refsOf(state, snapshot),
    waiting: entriesFor(sources).map((entry) => waitingFacts(entry, sources.missing)),
    asked: sources.asked.map(({ url, startedMs, endedMs, outcome, answer, items, times }) => ({
      url,
      started: seconds(startedMs),
      ended: endedMs === null ? null : seconds(endedMs),
      outcome,
      answer,
      objects: items,
      times,
    })),
    last_repair: sources.repair === null ? null : repairFacts(sources.repair),
  };
}

function repairFacts({ checkedMs, connectivityMs, status, missing, missingIds }: RepairResult): RepairFacts {
  const history_checked = connectivityMs === null ? null : seconds(connectivityMs);
  return { checked: seconds(checkedMs), history_checked, status, missing, missing_objects: missingIds };
}

/** The object ids that waiting events of a repository name: what the facts need to know of the repository. */
export function idsWanted(
  sources: Pick<FactSources, "owner" | "identifier" | "entries" | "announcements">,
): string[] {
  return [...new Set(entriesFor(sources).flatMap((entry) => idsOf(entry).slice(0, MAX_LOOKED_FOR)))];
}

const ROLES = { M: "lead maintainer", m: "maintainer", o: "moderator" } as const;

function placeOf({ status }: KnownAnnouncement): Place {
  return status === "served" ? "served" : "waiting";
}

function eventFacts({ id, pubkey, created_at }: NostrEvent, place: Place): EventFacts {
  return { id, author: toNpub(pubkey), created_at, place };
}

function announcementFacts(known: KnownAnnouncement): AnnouncementFacts {
  const { event, clone, relays } = known.announcement;
  const values = (tag: string) => tagValues(event, tag).slice(0, MAX_VALUES);
  return {
    ...eventFacts(event, placeOf(known)),
    name: tagValue(event, "name") ?? null,
    description: tagValue(event, "description") ?? null,
    web: values("web"),
    topics: values("t"),
    fork_of: values("u"),
    references: values("r"),
    clone: clone.slice(0, MAX_VALUES),
    relays: relays.slice(0, MAX_VALUES),
  };
}

/** Who may publish states of the owner's repository, and by which announcement (A11 to A14). */
function pushersOf(owner: string, announcements: ReadonlyMap<string, KnownAnnouncement>): PusherFacts[] {
  return [...invitersOf(owner, announcements)].map(([key, inviter]) => {
    const known = announcements.get(inviter)!;
    return {
      npub: toNpub(key),
      role: key === owner ? "owner" : "maintainer",
      because: eventFacts(known.announcement.event, placeOf(known)),
    };
  });
}

function invitersOf(
  owner: string,
  announcements: ReadonlyMap<string, KnownAnnouncement>,
): Map<string, string> {
  const newest = new Map([...announcements].map(([author, { announcement }]) => [author, announcement]));
  return maintainersWithInviter(owner, newest);
}

/** The refs of the state and those that are here, by name. */
function refsOf(state: RepositoryState | null, snapshot: RefSnapshot | null): RefFacts[] {
  const stated = state?.refs ?? new Map<string, string>();
  const here = snapshot?.refs ?? new Map<string, string>();
  const names = new Set([...stated.keys(), ...[...here.keys()].filter(isBranchOrTag)]);
  return [...names].sort().map((name) => ({
    name,
    stated: stated.get(name) ?? null,
    here: here.get(name) ?? null,
  }));
}

/** The entries that concern the owner's repository, oldest first. */
function entriesFor({
  owner,
  identifier,
  entries,
  announcements,
}: Pick<FactSources, "owner" | "identifier" | "entries" | "announcements">): Entry[] {
  const set = invitersOf(owner, announcements);
  const address = `30617:${owner}:${identifier}`;
  const concerns = (entry: Entry): boolean => {
    switch (entry.store) {
      case "announcement":
        return entry.event.pubkey === owner && !entry.isSoftExpired;
      case "state":
        return set.has(entry.event.pubkey);
      case "pr":
        return entry.event.tags.some(([tag, value]) => tag === "a" && value === address);
      case "placeholder":
        return entry.repository === `${owner}/${identifier}`;
    }
  };
  return entries.filter(concerns).sort((a, b) => a.arrivedMs - b.arrivedMs || (keyOf(a) < keyOf(b) ? -1 : 1));
}

const WHAT = {
  announcement: "announcement",
  state: "state",
  pr: "pull request",
  placeholder: "upload",
} as const;

function waitingFacts(entry: Entry, absent: ReadonlySet<string>): WaitingFacts {
  const missing = idsOf(entry).filter((id) => absent.has(id));
  return {
    what: WHAT[entry.store],
    id: entry.store === "placeholder" ? entry.id : entry.event.id,
    author: entry.store === "placeholder" ? null : toNpub(entry.event.pubkey),
    since: seconds(entry.arrivedMs),
    until: seconds(entry.deadlineMs),
    source: entry.source,
    missing: missing.slice(0, MAX_MISSING),
    missing_more: Math.max(0, missing.length - MAX_MISSING),
  };
}

/** The object ids that an entry waits for, each once. An announcement waits for a state, an upload for its event. */
export function idsOf(entry: Entry): string[] {
  if (entry.store === "pr") return [commitOf(entry.event) ?? ""].filter((id) => id !== "");
  if (entry.store !== "state") return [];
  const read = readState(entry.event);
  return "state" in read ? [...new Set(read.state.refs.values())] : [];
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
