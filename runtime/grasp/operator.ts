/**
 * What the operator does while the service runs (O14): bans, and repositories that are taken out of service and brought back.
 * @module
 */
import type { Outcome } from "./answer.ts";
import { contributorOf } from "./contributor.ts";
import type { Core } from "./core.ts";
import { isHex64, type NostrEvent } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import { ZERO_ID } from "./git/command-list.ts";
import type { ListsWithBans } from "./policy/bans.ts";
import { nostrId } from "./push.ts";
import type { Releases } from "./release/releases.ts";
import type { Removals } from "./removals.ts";
import type { RepositoryName } from "./repository-name.ts";
import type { Submissions } from "./submission.ts";
import { deleteIfUnused } from "./unused.ts";

/**
 * What is held: a repository, its events, or both; `identifier` is `null` for the events of a banned author, with the repositories that
 * the author pushed PRs to.
 */
export interface Held {
  readonly owner: string;
  readonly identifier: string | null;
  readonly hasRepository: boolean;
  readonly events: number;
  /** When it is deleted, in milliseconds since the epoch. */
  readonly untilMs: number;
}

/** What a ban took away. */
export interface Banned {
  readonly repositories: readonly RepositoryName[];
  /** Events of the author beside the announcements. */
  readonly events: number;
}

/**
 * How something comes back: `served`; `waits` for Git data that is not here; `refused` by the policy, for a reason; `deleted` by its
 * author meanwhile; `no_announcement`: only a new announcement brings it back; `nothing` is held.
 */
export type Restored =
  | { readonly outcome: "served" | "waits" | "deleted" | "no_announcement" | "nothing" }
  | { readonly outcome: "refused"; readonly text: string };

/** A repository that is held. */
type HeldRepository = RepositoryName & { readonly untilMs: number };

const FROM = { source: "direct", address: null } as const;

export class Operator {
  readonly #core: Core;
  readonly #lists: ListsWithBans;
  readonly #releases: Releases;
  readonly #removals: Removals;
  readonly #submissions: Submissions;

  constructor(
    core: Core,
    lists: ListsWithBans,
    parts: { readonly releases: Releases; readonly removals: Removals; readonly submissions: Submissions },
  ) {
    this.#core = core;
    this.#lists = lists;
    this.#releases = parts.releases;
    this.#removals = parts.removals;
    this.#submissions = parts.submissions;
  }

  /** What is banned: `<key>`, `<key>/<identifier>`, or an identifier alone. */
  bans(): string[] {
    return this.#core.store.bans();
  }

  /** Bans an author or a repository, and takes away what is here; it is held for 90 days. A repetition finishes the first. */
  async ban(target: string): Promise<Banned> {
    await this.#core.store.transaction((changes) => changes.ban(target));
    this.#lists.reload();
    const repositories = await this.#submissions.removeDenied();
    const events = isHex64(target) ? await this.#removeAuthor(target) : 0;
    return { repositories, events };
  }

  /** Takes away what is denied by the settings or by bans: at the start, and with new settings (R26). @returns the repositories that went */
  async removeDenied(): Promise<readonly RepositoryName[]> {
    const repositories = await this.#submissions.removeDenied();
    for (const ban of this.bans()) if (isHex64(ban)) await this.#removeAuthor(ban);
    return repositories;
  }

  /** Ends a ban. What is held comes back by {@link Operator.restore}, or by a new announcement. @returns whether there was one */
  async unban(target: string): Promise<boolean> {
    const wasBanned = this.bans().includes(target);
    await this.#core.store.transaction((changes) => changes.unban(target));
    this.#lists.reload();
    return wasBanned;
  }

  async #removeAuthor(author: string): Promise<number> {
    for (;;) {
      const identifiers = this.#removals.identifiersOfAuthor(author);
      const events = await this.#releases.locked(identifiers, async (held) => {
        const removed = await this.#removals.removeAuthor(author, held);
        if (removed === null) return null;
        await this.#submissions.look(identifiers, removed.look, held);
        return removed.events;
      });
      if (events !== null) return events + (await this.#removals.holdOthersOf(author));
    }
  }

  /**
   * Takes a repository and its events out of service, and holds them for 90 days.
   * @param isStill asked under the lock whether it shall still go. Default: it shall
   * @returns `false`: it is not here, or shall stay
   */
  eject(owner: string, identifier: string, isStill = async () => true): Promise<boolean> {
    return this.#releases.locked([identifier], async (held) => {
      if (!this.#core.known.announcements(identifier).has(owner) || !(await isStill())) return false;
      const look = await this.#removals.eject(owner, identifier);
      await this.#submissions.look([identifier], look, held);
      return true;
    });
  }

  /** Everything that is held, in the order of owners and identifiers. */
  async held(): Promise<Held[]> {
    const found = new Map<string, Held>();
    for (const { repository, events, untilSeconds } of this.#core.store.heldFor()) {
      const [owner = "", ...rest] = repository.split("/");
      const identifier = rest.length === 0 ? null : rest.join("/");
      found.set(repository, {
        ...{ owner, identifier, events },
        hasRepository: false,
        untilMs: untilSeconds * 1000,
      });
    }
    for (const { owner, identifier, untilMs } of await this.#core.hosted.port.listHeld()) {
      const author = contributorOf(owner);
      const key = author ?? `${owner}/${identifier}`;
      const events = found.get(key)?.events ?? 0;
      const name = author === null ? { owner, identifier } : { owner: author, identifier: null };
      found.set(key, { ...name, events, hasRepository: true, untilMs });
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  }

  /** Deletes what is held, at once. @param identifier `null`: the events of a banned author @returns whether there was something */
  async dropHeld(owner: string, identifier: string | null): Promise<boolean> {
    const { store, hosted, locks } = this.#core;
    const key = identifier === null ? owner : `${owner}/${identifier}`;
    const before = await this.held();
    if (!before.some((one) => one.owner === owner && one.identifier === identifier)) return false;
    const drop = async () => {
      await store.transaction((changes) => {
        for (const { event } of store.held(key)) changes.endHold(event.id);
        if (identifier === null) return;
        changes.endHoldSet(key);
        changes.removeBackups(owner, identifier, Number.MAX_SAFE_INTEGER);
      });
      if (identifier !== null) await hosted.port.dropHeld(owner, identifier);
      else for (const one of await this.#heldOf(owner)) await hosted.port.dropHeld(one.owner, one.identifier);
    };
    await (identifier === null ? drop() : locks.run(identifier, drop));
    return true;
  }

  /**
   * Brings a repository back with what was held with it. Its announcement passes the policy like one that a client sends, and nothing
   * is served before its Git data is complete (N1).
   */
  async restore(owner: string, identifier: string): Promise<Restored> {
    const { store } = this.#core;
    const key = `${owner}/${identifier}`;
    const event = store.held(key).find((one) => one.event.kind === KIND.announcement)?.event;
    if (event === undefined) {
      const isHeld = (await this.held()).some((one) => one.owner === owner && one.identifier === identifier);
      return { outcome: isHeld ? "no_announcement" : "nothing" };
    }
    const address = `${KIND.announcement}:${key.replace("/", ":")}`;
    if (this.#wasDeleted(event, address)) return { outcome: "deleted" };
    await store.transaction((changes) => changes.allowAddress(address, event.created_at));
    const answer = await this.#submissions.judge(event, FROM);
    if (answer.outcome !== "refused") return restoredBy(answer);
    await store.transaction((changes) =>
      changes.removeAddress(KIND.announcement, owner, identifier, event.created_at),
    );
    return restoredBy(answer);
  }

  /**
   * Brings the events of an author back who was banned, each through the policy, after the repositories that the author pushed PRs to.
   * A PR whose Git data is not in one of them waits, if maintenance took the data from the other repositories (N23).
   * @returns how many are served or wait, and how many are not
   */
  async restoreAuthor(author: string): Promise<{ restored: number; refused: number }> {
    const { store, hosted, locks } = this.#core;
    const count = { restored: 0, refused: 0 };
    const repositories = await this.#heldOf(author);
    for (const { owner, identifier } of repositories)
      await locks.run(identifier, () => hosted.create(owner, identifier));
    for (const { event } of store.held(author)) {
      if (event.kind === KIND.state) await store.transaction((changes) => changes.resumeState(event.id));
      const { outcome } = await this.#submissions.judge(event, FROM);
      if (outcome === "refused") {
        count.refused++;
        continue;
      }
      count.restored++;
      await store.transaction((changes) => changes.endHold(event.id));
    }
    for (const one of repositories) await locks.run(one.identifier, () => this.#afterRestore(one, author));
    return count;
  }

  /** The repositories that are held with a banned author. */
  async #heldOf(author: string): Promise<HeldRepository[]> {
    const held = await this.#core.hosted.port.listHeld();
    return held.filter(({ owner }) => contributorOf(owner) === author);
  }

  /** A contributor's repository has refs of served PRs only. One without them is held on, if events that are held may need it. */
  async #afterRestore({ owner, identifier, untilMs }: HeldRepository, author: string): Promise<void> {
    const { store, hosted, known, purgatory } = this.#core;
    const repository = hosted.open(owner, identifier);
    if (repository === null) return;
    const { refs } = await repository.refs();
    const stale = [...refs].filter(([ref]) => known.served(nostrId(ref) ?? "") === null);
    const held = new Set(store.held(author).map(({ event }) => event.id));
    const hasHeld = stale.some(([ref]) => held.has(nostrId(ref) ?? ""));
    const isNeeded =
      refs.size > stale.length ||
      stale.some(([ref]) => purgatory.event(nostrId(ref) ?? "") !== null) ||
      hosted.isInUse(owner, identifier);
    if (hasHeld && !isNeeded) return hosted.hold(owner, identifier, untilMs);
    const gone = stale.map(([ref, old]) => ({ ref, old, new: ZERO_ID }));
    if (gone.length > 0) await repository.updateRefs(gone);
    await deleteIfUnused(owner, identifier, this.#core);
  }

  /** Whether the author of a held event deleted its address while it was held. */
  #wasDeleted({ pubkey, created_at }: NostrEvent, address: string): boolean {
    const { store, nowSeconds } = this.#core;
    const filter = {
      authors: new Set([pubkey]),
      kinds: new Set<number>([KIND.deletion]),
      tags: new Map([["a", new Set([address])]]),
      since: created_at,
    };
    return store.count([filter], nowSeconds()) > 0;
  }
}

function restoredBy({ outcome, text }: Outcome): Restored {
  if (outcome === "refused") return { outcome, text };
  return { outcome: outcome === "waits" ? "waits" : "served" };
}
