/**
 * The events of a repository as its maintainer writes them (NIP-34): pure functions from what is known to tags.
 * @module
 */
import { type NostrEvent, type Tag, tagValues } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";

/** The addresses of a repository on a GRASP server. */
export interface Addresses {
  readonly clone: string;
  readonly relay: string;
}

/**
 * Where a repository is on a server.
 * @param server its URL with `http:` or `https:`, and its base path if it has one
 */
export function addressesOn(server: URL, owner: string, identifier: string): Addresses {
  const base = server.href.replace(/\/+$/, "");
  return {
    clone: `${base}/${toNpub(owner)}/${encodeURIComponent(identifier)}.git`,
    relay: base.replace(/^http/, "ws"),
  };
}

/** What an announcement says. */
export interface AnnouncementFacts {
  readonly identifier: string;
  /** Servers to list, besides those that `before` lists. */
  readonly servers: readonly Addresses[];
  /** Keys to name as maintainers, besides those that `before` names. */
  readonly maintainers?: readonly string[];
  /** The first commit of the history; it tells forks of one project that they belong together. */
  readonly rootCommit?: string | null;
  /** The author's announcement so far: everything in it is kept. */
  readonly before?: NostrEvent | null;
}

/** The tags of an announcement (kind 30617). */
export function announcementTags(facts: AnnouncementFacts): Tag[] {
  const { identifier, servers, maintainers = [], rootCommit = null, before = null } = facts;
  const merged = (name: string, values: readonly string[]): Tag[] => {
    const all = [...new Set([...(before === null ? [] : tagValues(before, name)), ...values])];
    return all.length === 0 ? [] : [[name, ...all]];
  };
  const replaced = ["d", "clone", "relays", "maintainers"];
  const kept = (before?.tags ?? [["name", identifier]]).filter(([name = ""]) => !replaced.includes(name));
  const isRootKnown = rootCommit === null || kept.some(([name, , mark]) => name === "r" && mark === "euc");
  return [
    ["d", identifier],
    ...kept,
    ...merged(
      "clone",
      servers.map(({ clone }) => clone),
    ),
    ...merged(
      "relays",
      servers.map(({ relay }) => relay),
    ),
    ...merged("maintainers", maintainers),
    ...(isRootKnown ? [] : [["r", rootCommit!, "euc"]]),
  ];
}

/** The tags of a state (kind 30618). @param head the branch that `HEAD` names; `null`: it names none */
export function stateTags(identifier: string, refs: ReadonlyMap<string, string>, head: string | null): Tag[] {
  return [
    ["d", identifier],
    ...[...refs].map(([ref, id]) => [ref, id]),
    ...(head === null ? [] : [["HEAD", `ref: ${head}`]]),
  ];
}

/** A later date than that of an event: now, or one second after it. Both in seconds since the epoch. */
export function dateAfter(before: Pick<NostrEvent, "created_at"> | null, nowSeconds: number): number {
  return before === null ? nowSeconds : Math.max(nowSeconds, before.created_at + 1);
}
