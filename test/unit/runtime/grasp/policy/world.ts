/** A world of the policy, made of lists of events. */
import { readAnnouncement } from "../../../../../runtime/grasp/announcement.ts";
import { isNewer, type NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import { isHosted, type KnownAnnouncement, type World } from "../../../../../runtime/grasp/policy/world.ts";
import { readState } from "../../../../../runtime/grasp/state.ts";

export const HOST = "git.example";
export const key = (n: number) => n.toString(16).padStart(64, "0");
let serial = 1000;

export function event(kind: number, pubkey: string, tags: string[][], created_at = 1): NostrEvent {
  return { id: key(++serial), pubkey, created_at, kind, tags, content: "", sig: "0".repeat(128) };
}

/** An announcement that lists us. */
export function announcement(
  owner: string,
  identifier = "repo",
  more: string[][] = [],
  created_at = 1,
): NostrEvent {
  const path = `${toNpub(owner)}/${encodeURIComponent(identifier)}.git`;
  const tags = [
    ["d", identifier],
    ["clone", `https://${HOST}/${path}`],
    ["relays", `wss://${HOST}`],
    ...more,
  ];
  return event(30617, owner, tags, created_at);
}

export interface Given {
  served?: NostrEvent[];
  waiting?: NostrEvent[];
  softExpired?: NostrEvent[];
  lists?: Partial<World["lists"]>;
  remembered?: Record<string, "deleted" | "expired">;
  /** Steps by the id or address that an accepted event refers to. */
  referredTo?: Record<string, number>;
  /** Authors of held events. */
  held?: string[];
  foldsNames?: boolean;
  takesPrs?: boolean;
}

export function worldOf({
  served = [],
  waiting = [],
  softExpired = [],
  lists,
  remembered = {},
  referredTo = {},
  held = [],
  foldsNames = false,
  takesPrs = false,
}: Given): World {
  const ourselves = { hosts: [HOST], basePath: "/" };
  const all = [...served, ...waiting, ...softExpired];
  return {
    ourselves,
    foldsNames,
    takesPrs,
    identifiersOf: (author) =>
      all
        .filter(({ kind, pubkey }) => kind === 30617 && pubkey === author)
        .map(({ tags }) => tags.find(([name]) => name === "d")?.[1] ?? ""),
    lists: {
      denyAuthors: new Set(),
      denyRepositories: new Set(),
      allowRepositories: null,
      maxRepositories: 100,
      archive: null,
      operator: null,
      relayKey: null,
      ...lists,
    },
    announcements(identifier) {
      const known = new Map<string, KnownAnnouncement>();
      for (const one of all.filter(({ kind }) => kind === 30617)) {
        const read = readAnnouncement(one);
        if ("fault" in read || read.announcement.identifier !== identifier) continue;
        const before = known.get(one.pubkey);
        if (before !== undefined && isNewer(before.announcement.event, one)) continue;
        const status = served.includes(one) ? "served" : waiting.includes(one) ? "waiting" : "soft_expired";
        const { announcement } = read;
        known.set(one.pubkey, {
          announcement,
          status,
          isHosted: isHosted(announcement, { ourselves, lists: { archive: null, ...lists } }),
        });
      }
      return known;
    },
    states: (identifier) =>
      all
        .filter(({ kind }) => kind === 30618)
        .map((one) => readState(one))
        .flatMap((read) => ("state" in read && read.state.identifier === identifier ? [read.state] : [])),
    repositoriesOf: (author) => all.filter(({ kind, pubkey }) => kind === 30617 && pubkey === author).length,
    served: (id) => served.find((one) => one.id === id) ?? null,
    known: (id) => all.find((one) => one.id === id) ?? null,
    isWaiting: (id) => waiting.some((one) => one.id === id),
    isWaitingAt: () => false,
    remembered: (id) => remembered[id] ?? null,
    servedAt: (address) =>
      served.find(
        (one) =>
          address === `${one.kind}:${one.pubkey}:${one.tags.find(([name]) => name === "d")?.[1] ?? ""}`,
      ) ?? null,
    stepsTo: (target) => referredTo[target] ?? null,
    isDeletedAddress: () => false,
    deletionsOf: (author) => served.filter(({ kind, pubkey }) => kind === 5 && pubkey === author).length,
    hasEvents: (author) => served.some(({ pubkey }) => pubkey === author),
    hasHeld: (author) => held.includes(author),
  };
}
