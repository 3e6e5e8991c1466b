/**
 * What GRASP supplies to the sync engine (S2 to S16): what is needed, who is asked, and what is done with what came.
 * @module
 */
import type { Clock } from "../../platform.ts";
import {
  domainOf,
  type FetchCall,
  type Fetched,
  type FetchOrigin,
  RateLimited,
  type Source,
  type SyncContext,
  type SyncListener,
} from "../../sync/index.ts";
import type { NostrEvent } from "../events/event.ts";
import type { Grasp } from "../grasp.ts";
import type { EventStore, GitRepository, Quarantine, Repositories, Room } from "../ports.ts";
import type { WaitingPr, WaitingState } from "../purgatory/entry.ts";
import { EVERYTHING } from "../release/releases.ts";
import type { GitFetch } from "./git-fetch.ts";
import { askedOf, cloneSources, idsNamed, type Need, ownersConcerned } from "./needs.ts";
import { AskedRests } from "./rests.ts";
import type { UrlRules } from "./urls.ts";

/** What the context works with. */
export interface ContextParts {
  readonly grasp: Grasp;
  readonly store: Pick<EventStore, "get" | "newest">;
  readonly repositories: Pick<Repositories, "open">;
  readonly room: Room;
  readonly rules: UrlRules;
  readonly fetch: GitFetch;
  /** Those of some ids that a repository does not have with all that they need, its refs not trusted (S24). */
  disconnected(owner: string, identifier: string, ids: readonly string[]): Promise<ReadonlySet<string>>;
  readonly clock: Pick<Clock, "now">;
  /** Keeps an identifier in the queue for this many milliseconds. */
  keepQueued(identifier: string, forMs: number): void;
}

/** A missing object, and the repository that it is fetched into (S10). */
export interface TargetedNeed extends Need {
  readonly owner: string;
  /** What the repository has is not trusted (S25). */
  readonly isRepair: boolean;
}

/** What a fetch brought, until it moves in. */
export interface Arrival {
  readonly owner: string;
  readonly isRepair: boolean;
  readonly quarantine: Quarantine;
}

/** A repository that may be fetched into. */
interface Target {
  readonly owner: string;
  readonly isServed: boolean;
  readonly repository: GitRepository;
}

export class GitSyncContext implements SyncContext<TargetedNeed, string, Arrival> {
  readonly #parts: ContextParts;
  readonly #rests = new AskedRests();
  /** What repair asks for: events of an owner's repository, by identifier and owner. */
  readonly #repairs = new Map<string, Map<string, readonly NostrEvent[]>>();
  /** What came and has not moved in, by identifier and source. */
  readonly #arrived = new Map<string, Quarantine>();

  constructor(parts: ContextParts) {
    this.#parts = parts;
  }

  /** Whether anything is fetched for an identifier (S2). */
  isPending(identifier: string): boolean {
    return this.#waiting(identifier).length > 0 || this.#repairs.has(identifier);
  }

  /** Sets what an owner's repository has lost (S25). @param events that name it; none: nothing */
  setRepair(owner: string, identifier: string, events: readonly NostrEvent[]): void {
    const repairs = this.#repairs.get(identifier) ?? new Map<string, readonly NostrEvent[]>();
    if (events.length === 0) repairs.delete(owner);
    else repairs.set(owner, events);
    if (repairs.size === 0) this.#repairs.delete(identifier);
    else this.#repairs.set(identifier, repairs);
  }

  /** A listener of the engine. What came for a fetch that is not wanted any more is thrown away. */
  readonly listen: SyncListener = (event) => {
    if (event.kind === "expired") this.#repairs.delete(event.identifier);
    if (event.kind !== "fetch-ended" || event.outcome === "obtained") return;
    const key = keyOf(event.identifier, event.source);
    const quarantine = this.#arrived.get(key);
    this.#arrived.delete(key);
    quarantine?.discard().catch(() => {});
  };

  /** The entry in the queue lives as long as what waits (P14 to P17). */
  async hasPending(identifier: string): Promise<boolean> {
    const waiting = this.#waiting(identifier);
    if (waiting.length > 0) {
      const lastMs = Math.max(...waiting.map(({ deadlineMs }) => deadlineMs));
      this.#parts.keepQueued(identifier, Math.max(0, lastMs - this.#parts.clock.now()));
    }
    return this.isPending(identifier);
  }

  /** S3 to S5, S10: what is in no repository of the identifier, then what repair asks for. */
  async neededItems(identifier: string): Promise<TargetedNeed[]> {
    const events = this.#waiting(identifier).map(({ event }) => event);
    const named = idsNamed(events, (kind, author) => this.#parts.store.newest(kind, author, identifier));
    const targets = this.#targets(identifier, events);
    const needs: TargetedNeed[] = [];
    if (named.size > 0 && targets.length > 0) {
      const ids = [...named.keys()];
      const lacking = await Promise.all(targets.map(({ repository }) => repository.incomplete(ids)));
      const { owner } = targets[bestTarget(targets, lacking)]!;
      for (const [id, by] of named) {
        // What any repository here has is copied (P11, N8).
        if (lacking.every((missing) => missing.has(id)))
          needs.push({ id, events: by, owner, isRepair: false });
      }
    }
    return [...needs, ...(await this.#repairNeeds(identifier))];
  }

  /** Without room on the disk no server is asked (O24); the next attempt looks again. */
  async sources(identifier: string, needs: readonly TargetedNeed[]): Promise<Source[]> {
    const { known } = this.#parts.grasp;
    const owner = needs[0]?.owner ?? "";
    if ((await this.#parts.room.refusal("fetch", owner, identifier)) !== null) return [];
    const announcements = known.announcements(identifier);
    return cloneSources(identifier, needs, known.sets(identifier), announcements, this.#parts.rules);
  }

  async fetch(
    identifier: string,
    source: Source,
    needs: readonly TargetedNeed[],
    call: FetchCall,
  ): Promise<Fetched<string, Arrival>> {
    const asked = askedOf(source, needs, this.#parts.rules);
    const [first] = asked;
    if (first === undefined) return { items: [] };
    // One repository at a time; another one's turn comes at the next attempt.
    const { owner, isRepair } = first;
    const ids = asked.flatMap((need) => (need.owner === owner && need.isRepair === isRepair ? need.id : []));
    const domain = domainOf(source.url)!;
    const endUse = this.#parts.grasp.use(owner, identifier);
    try {
      const fetched = await this.#parts.fetch({ owner, identifier, url: source.url, ids, isRepair }, call);
      this.#rests.end(domain);
      if (fetched === null) return { items: [] };
      this.#arrived.set(keyOf(identifier, source), fetched.quarantine);
      return { items: fetched.ids, receipt: { owner, isRepair, quarantine: fetched.quarantine } };
    } catch (error) {
      if (!(error instanceof RateLimited)) this.#rests.end(domain);
      else if (error.retryAfterMs === null) throw new RateLimited(this.#rests.next(domain));
      throw error;
    } finally {
      await endUse();
    }
  }

  /** Moves in what came, and releases what is complete (S14, N1). */
  async process(
    identifier: string,
    ids: readonly string[],
    { source, receipt }: FetchOrigin<Arrival>,
  ): Promise<void> {
    const { grasp, repositories } = this.#parts;
    const { owner, isRepair, quarantine } = receipt!;
    this.#arrived.delete(keyOf(identifier, source));
    try {
      await grasp.underLock(identifier, async (release) => {
        // It may have been deleted, released or expired while the lock was waited for.
        if (!this.isPending(identifier) || repositories.open(owner, identifier) === null) return;
        await quarantine.adopt();
        await release(isRepair ? EVERYTHING : { repository: owner, ids: new Set(ids) });
      });
    } finally {
      await quarantine.discard();
    }
  }

  /** A fetch makes progress: what waits for it waits on (P15). */
  onProlonged(identifier: string): void {
    // A minute later there is another chance.
    this.#parts.grasp.bytesFlow(identifier).catch(() => {});
  }

  /** What waits and may be fetched for. A PR for no repository here is pushed by its author (X16). */
  #waiting(identifier: string): (WaitingState | WaitingPr)[] {
    const { purgatory, known } = this.#parts.grasp;
    const prs = purgatory.prs(identifier);
    const sets = prs.length === 0 ? null : known.sets(identifier);
    const wanted = prs.filter(({ event }) => ownersConcerned(event, identifier, sets!).length > 0);
    return [...purgatory.states(identifier), ...wanted];
  }

  async #repairNeeds(identifier: string): Promise<TargetedNeed[]> {
    const needs: TargetedNeed[] = [];
    for (const [owner, events] of this.#repairs.get(identifier) ?? []) {
      // What is not served any more needs no repair.
      const served = events.filter(({ id }) => this.#parts.store.get(id) !== null);
      const named = idsNamed(served, () => null);
      const isHere = this.#parts.repositories.open(owner, identifier) !== null;
      const ids = isHere ? [...named.keys()] : [];
      const missing =
        ids.length > 0 ? await this.#parts.disconnected(owner, identifier, ids) : new Set<string>();
      for (const id of missing) needs.push({ id, events: named.get(id)!, owner, isRepair: true });
      if (missing.size === 0) this.setRepair(owner, identifier, []);
    }
    return needs;
  }

  /** Repositories of an identifier: served ones first, among them those that the events concern (S10). */
  #targets(identifier: string, events: readonly NostrEvent[]): Target[] {
    const { known } = this.#parts.grasp;
    const sets = known.sets(identifier);
    const concerned = new Set(events.flatMap((event) => ownersConcerned(event, identifier, sets)));
    const targets = [...known.announcements(identifier)].flatMap(([owner, { status }]) => {
      const repository = this.#parts.repositories.open(owner, identifier);
      return repository === null ? [] : [{ owner, isServed: status === "served", repository }];
    });
    const rank = ({ owner, isServed }: Target) => (isServed ? 0 : 2) + (concerned.has(owner) ? 0 : 1);
    return targets.sort((a, b) => rank(a) - rank(b));
  }
}

function keyOf(identifier: string, source: Source): string {
  return `${identifier}\n${source.key}`;
}

/**
 * The position of the target (S10): the served repository that lacks least, else the first waiting one.
 * @param targets served ones first
 */
function bestTarget(targets: readonly Target[], lacking: readonly ReadonlySet<string>[]): number {
  let best = 0;
  for (const [index, { isServed }] of targets.entries()) {
    if (isServed && lacking[index]!.size < lacking[best]!.size) best = index;
  }
  return best;
}
