/**
 * Deletion, vanishing and de-listing: what goes from the database and from purgatory, and what follows in Git (R35, R56 to R62).
 * What follows in Git is an intent, so that a crash or a push under way only delays it.
 * @module
 */

import { contributorOf } from "./contributor.ts";
import { ownRepositories } from "./contributor-prs.ts";
import type { Core } from "./core.ts";
import { type NostrEvent, tagValue } from "./events/event.ts";
import type { Filter } from "./events/filter.ts";
import { KIND } from "./events/kinds.ts";
import { ZERO_ID } from "./git/command-list.ts";
import type { LeftBecause } from "./happenings.ts";
import { isHosted } from "./policy/world.ts";
import type { GitRepository, Saved, StoreChanges } from "./ports.ts";
import { lookPlan } from "./release/intent.ts";
import { copyMissing, missingIn } from "./release/objects.ts";
import { RemovalConsequences, type ServedPrs } from "./removal-consequences.ts";
import type { RemovalPlan } from "./removal-plan.ts";
import {
  GIT_KINDS,
  identifiersOfTargets,
  isPullRequest,
  targetsOf,
  targetsOfAuthor,
} from "./removal-targets.ts";
import { deleteIfUnused } from "./unused.ts";
import { type Authority, authorities } from "./withdrawals.ts";

const DAY_MS = 24 * 60 * 60_000;
/** How long repositories are held, in milliseconds. */
export const HELD_MS = { deleted: 90 * DAY_MS, delisted: 30 * DAY_MS, denied: 90 * DAY_MS } as const;

export class Removals {
  readonly #core: Core;
  readonly #consequences: RemovalConsequences;
  /** Plans that wait for the end of a push or a fetch, by intent (A42). */
  readonly #delayed = new Map<number, RemovalPlan>();

  constructor(core: Core) {
    this.#core = core;
    this.#consequences = new RemovalConsequences(core);
  }

  /** The identifiers whose locks a deletion or a request to vanish needs. */
  identifiersOf(event: NostrEvent): string[] {
    return identifiersOfTargets(targetsOf(event, this.#core));
  }

  /**
   * Saves a deletion or a request to vanish, with everything that follows. The caller holds the locks, judges again what waits
   * (R36), and ends the intent `look`.
   * @returns `null`: it needs the locks of other identifiers meanwhile, and nothing changed
   */
  async remove(
    event: NostrEvent,
    held: ReadonlySet<string>,
  ): Promise<{ saved: Saved; look: number | null } | null> {
    const { journal, purgatory, nowSeconds, nowMs } = this.#core;
    const isVanishing = event.kind === KIND.vanish;
    const prs = await this.#consequences.servedPrs(held);
    const { saved, done, look } = await journal.change((changes) => {
      const targets = targetsOf(event, this.#core);
      const identifiers = this.identifiersOf(event);
      if (!identifiers.every((one) => held.has(one))) return { saved: null, done: null, look: null };
      const before = this.#authorities(identifiers);
      const result = changes.save(event, nowSeconds());
      if (result.outcome !== "stored" || identifiers.length === 0)
        return { saved: result, done: null, look: null };
      const gone = new Set([...result.gone, ...targets.held].map(({ id }) => id));
      for (const entry of targets.waiting) {
        purgatory.remove(entry, "deleted");
        changes.remove(entry.event.id, "deleted");
        gone.add(entry.event.id);
      }
      const events = [...targets.served, ...targets.waiting.map((entry) => entry.event), ...targets.held];
      const heldUntilMs = isVanishing ? null : nowMs() + HELD_MS.deleted;
      const removed = events.filter(({ id }) => gone.has(id));
      return {
        saved: result,
        done: this.#consequences.follow(removed, gone, before, prs, heldUntilMs, changes),
        look: changes.beginIntent(lookPlan(identifiers)),
      };
    });
    if (done !== null) await this.carryOut(done.intent, done.plan);
    return saved === null ? null : { saved, look };
  }

  /**
   * A newer version of an announcement does not list us any more (R35). The caller holds the lock.
   * @returns the intent `look`, as of {@link remove}
   */
  delist(event: NostrEvent, identifier: string): Promise<number> {
    // Earlier versions do not come back; a later one that lists us again is welcome.
    return this.#endAnnouncement(event.pubkey, identifier, "withdrawn", HELD_MS.delisted, (changes) =>
      changes.removeAddress(KIND.announcement, event.pubkey, identifier, event.created_at),
    );
  }

  /**
   * The operator denies a repository (R26). What is here is held, and nothing is remembered, so that the same announcement brings
   * it back once it is denied no more. The caller holds the lock.
   * @returns the intent `look`, as of {@link remove}
   */
  deny(owner: string, identifier: string): Promise<number> {
    return this.#endAnnouncement(owner, identifier, "denied", HELD_MS.denied, (changes, served) =>
      this.#holdAnnouncement(served, changes),
    );
  }

  /**
   * The operator takes a repository out of service (O14). What is here is held, and the announcement does not come back by itself: a
   * later one, or the operator, brings it back. The caller holds the lock.
   * @returns the intent `look`, as of {@link remove}
   */
  eject(owner: string, identifier: string): Promise<number> {
    const waiting = this.#core.purgatory.announcement(owner, identifier);
    return this.#endAnnouncement(owner, identifier, "denied", HELD_MS.denied, (changes, served) => {
      const gone = this.#holdAnnouncement(served, changes);
      const dates = [served, waiting?.event].map((event) => event?.created_at ?? 0);
      changes.removeAddress(KIND.announcement, owner, identifier, Math.max(...dates));
      return gone;
    });
  }

  /** The time of served events is over (R12): PRs take their refs with them. @returns what {@link carryOut} does; `null`: nothing */
  expired(
    events: readonly NostrEvent[],
    changes: StoreChanges,
  ): { readonly intent: number; readonly plan: RemovalPlan } | null {
    const none: ServedPrs = { all: [], own: new Set() };
    return this.#consequences.follow(events.filter(isPullRequest), new Set(), [], none, null, changes);
  }

  #holdAnnouncement(served: NostrEvent | null, changes: StoreChanges): NostrEvent[] {
    if (served === null) return [];
    const untilSeconds = Math.ceil((this.#core.nowMs() + HELD_MS.denied) / 1000);
    changes.hold([served.id], `${served.pubkey}/${tagValue(served, "d") ?? ""}`, untilSeconds);
    return [served];
  }

  /** The identifiers whose locks {@link removeAuthor} needs. */
  identifiersOfAuthor(author: string): string[] {
    return identifiersOfTargets(targetsOfAuthor(author, this.#core));
  }

  /**
   * The operator bans an author (O14): events apart from announcements are held under the author's key, and what follows in Git
   * follows. No older state takes the place of one that went. The repositories that the author pushed PRs to (X6) are held with them.
   * @returns the number of events, and the intent `look`; `null`: it needs the locks of other identifiers meanwhile
   */
  async removeAuthor(
    author: string,
    held: ReadonlySet<string>,
  ): Promise<{ events: number; look: number } | null> {
    const { hosted, journal, purgatory, nowMs } = this.#core;
    const prs = await this.#consequences.servedPrs(held);
    const result = await journal.change((changes) => {
      const identifiers = this.identifiersOfAuthor(author);
      if (!identifiers.every((one) => held.has(one))) return null;
      const { served, waiting } = targetsOfAuthor(author, this.#core);
      const before = this.#authorities(identifiers);
      for (const entry of waiting) purgatory.remove(entry, "denied");
      const heldUntilMs = nowMs() + HELD_MS.denied;
      const ids = served.map(({ id }) => id);
      changes.hold(ids, author, Math.ceil(heldUntilMs / 1000));
      const own = ownRepositories([...served, ...waiting.map(({ event }) => event)], hosted);
      const done = this.#consequences.follow(served, new Set(ids), before, prs, heldUntilMs, changes, own);
      return { events: ids.length + waiting.length, done, look: changes.beginIntent(lookPlan(identifiers)) };
    });
    if (result === null) return null;
    if (result.done !== null) await this.carryOut(result.done.intent, result.done.plan);
    return result;
  }

  /** Holds events that need no Git data, of a banned author, page by page. @returns their number */
  async holdOthersOf(author: string): Promise<number> {
    const { store, nowMs, nowSeconds } = this.#core;
    const untilSeconds = Math.ceil((nowMs() + HELD_MS.denied) / 1000);
    const filter: Filter = { authors: new Set([author]), tags: new Map() };
    for (let count = 0; ; ) {
      const page = store.query([filter], nowSeconds()).filter(({ kind }) => !GIT_KINDS.has(kind));
      if (page.length === 0) return count;
      await store.transaction((changes) =>
        changes.hold(
          page.map(({ id }) => id),
          author,
          untilSeconds,
        ),
      );
      count += page.length;
    }
  }

  /** @param end stops serving the announcement. @returns the intent `look` */
  async #endAnnouncement(
    owner: string,
    identifier: string,
    because: LeftBecause,
    heldMs: number,
    end: (changes: StoreChanges, served: NostrEvent | null) => readonly NostrEvent[],
  ): Promise<number> {
    const { journal, purgatory, store, nowMs } = this.#core;
    const prs = await this.#consequences.servedPrs([identifier]);
    const { done, look } = await journal.change((changes) => {
      const before = this.#authorities([identifier]);
      const waiting = purgatory.announcement(owner, identifier);
      if (waiting !== null) purgatory.remove(waiting, because);
      const served = store.newest(KIND.announcement, owner, identifier);
      const gone = new Set(end(changes, served).map(({ id }) => id));
      const removed = [waiting?.event, served].filter(
        (one): one is NostrEvent => one !== null && one !== undefined,
      );
      const consequences = this.#consequences.follow(removed, gone, before, prs, nowMs() + heldMs, changes);
      return { done: consequences, look: changes.beginIntent(lookPlan([identifier])) };
    });
    if (done !== null) await this.carryOut(done.intent, done.plan);
    return look;
  }

  /**
   * Does in Git what a plan says, and ends its intent. Each step may be repeated.
   * @returns `false`: a repository is in use; it is tried again when the use ends.
   */
  async carryOut(intent: number, plan: RemovalPlan): Promise<boolean> {
    const { hosted, store } = this.#core;
    for (const { owner, identifier, ref } of plan.refs) {
      const repository = hosted.open(owner, identifier);
      const old = (await repository?.refs())?.refs.get(ref);
      if (old !== undefined) {
        await repository!.forgetUnreachable();
        await repository!.updateRefs([{ ref, old, new: ZERO_ID }]);
      }
      // Also after a crash behind the ref, and where a PR that waited had brought its objects only.
      if (contributorOf(owner) !== null) await deleteIfUnused(owner, identifier, this.#core);
    }
    let isDone = true;
    for (const { owner, identifier, heldUntilMs } of plan.repositories) {
      if (hosted.isInUse(owner, identifier)) isDone = false;
      else await this.#removeRepository(owner, identifier, heldUntilMs);
    }
    if (!isDone) {
      this.#delayed.set(intent, plan);
      return false;
    }
    this.#delayed.delete(intent);
    await store.transaction((changes) => changes.endIntent(intent));
    return true;
  }

  /** A use of a repository ended: what waited for that is done. */
  async afterUse(owner: string, identifier: string): Promise<void> {
    if (this.#core.hosted.isInUse(owner, identifier)) return;
    for (const [intent, plan] of [...this.#delayed]) {
      const isMeant = plan.repositories.some((one) => one.owner === owner && one.identifier === identifier);
      const identifiers = [...plan.repositories, ...plan.refs].map((one) => one.identifier);
      if (isMeant) await this.#core.locks.runAll(identifiers, () => this.carryOut(intent, plan));
    }
    // Its announcement expired meanwhile (P23).
    const announced = this.#core.known.announcements(identifier).get(owner);
    if (announced?.isHosted && announced.status !== "soft_expired") return;
    await this.#core.locks.run(identifier, () => deleteIfUnused(owner, identifier, this.#core));
  }

  async #removeRepository(owner: string, identifier: string, heldUntilMs: number | null): Promise<void> {
    const { hosted, journal, known, purgatory } = this.#core;
    // A new announcement took it over meanwhile.
    const announced = known.announcements(identifier).get(owner);
    if (announced !== undefined && isHosted(announced.announcement, known)) return;
    for (const entry of purgatory.placeholdersIn(`${owner}/${identifier}`)) {
      await hosted.port.upload(owner, identifier, entry.id)?.discard();
      await journal.change(() => purgatory.remove(entry, "deleted"));
    }
    const repository = hosted.open(owner, identifier);
    if (repository === null) return;
    await this.#keepObjects(owner, identifier, repository);
    const isEmpty = (await repository.refs()).refs.size === 0;
    if (heldUntilMs === null || isEmpty) await hosted.delete(owner, identifier);
    else await hosted.hold(owner, identifier, heldUntilMs);
  }

  /** States that stay served keep their objects: another repository of their author's gets those that only this one has. */
  async #keepObjects(owner: string, identifier: string, repository: GitRepository): Promise<void> {
    const { hosted, known } = this.#core;
    const announced = known.announcements(identifier);
    const others = [...known.sets(identifier)].filter(
      ([other]) => other !== owner && announced.get(other)?.status !== "soft_expired",
    );
    const ofOthers = others.flatMap(([other]) => hosted.open(other, identifier) ?? []);
    for (const { event, refs } of known.servedStates(identifier)) {
      const missing = await missingIn(ofOthers, refs.values());
      const lacking = await repository.incomplete([...missing]);
      const only = [...missing].filter((id) => !lacking.has(id));
      if (only.length === 0) continue;
      const own = others.flatMap(([other, set]) => (set.has(event.pubkey) ? [other] : []));
      // The disk may have refused one when it was announced, and the next start would be too late.
      const isMade = own.some((other) => hosted.open(other, identifier) !== null);
      if (!isMade && own[0] !== undefined) await hosted.create(own[0], identifier);
      const [target] = own.flatMap((other) => hosted.open(other, identifier) ?? []);
      if (target !== undefined) await copyMissing(only, target, [repository]);
    }
  }

  #authorities(identifiers: readonly string[]): Authority[] {
    return identifiers.flatMap((identifier) => authorities(identifier, this.#core));
  }
}
