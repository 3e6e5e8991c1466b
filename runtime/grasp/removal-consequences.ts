/**
 * What follows from a removal: what hangs only on what goes (R59), and what goes in Git (R61), as a plan.
 * @module
 */
import { contributorsOwner } from "./contributor.ts";
import { ownRepositories } from "./contributor-prs.ts";
import type { Core } from "./core.ts";
import { dependentsOf } from "./dependents.ts";
import { type NostrEvent, tagValue } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import { contributedIdentifiers, hostsOf, taggedRepositories } from "./policy/pr-policy.ts";
import type { StoreChanges } from "./ports.ts";
import { nostrId } from "./push.ts";
import { type RemovalPlan, removalPlan } from "./removal-plan.ts";
import { GIT_KINDS, isPullRequest, taggedIdentifiers } from "./removal-targets.ts";
import type { RepositoryName } from "./repository-name.ts";
import { type Authority, endStates } from "./withdrawals.ts";

/** Served PRs of some identifiers. */
export interface ServedPrs {
  readonly all: readonly NostrEvent[];
  /** Ids of those that are in their authors' own repositories, too. */
  readonly own: ReadonlySet<string>;
}

/** A plan that is being made. */
interface Draft {
  readonly repositories: RemovalPlan["repositories"][number][];
  readonly refs: RemovalPlan["refs"][number][];
}

/** Decides what follows from a removal. */
export class RemovalConsequences {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /**
   * What follows from the removal of events, in the same transaction; `null`: nothing in Git.
   * @param before who decided on the repositories. @param prs as they were before
   * @param held repositories of PRs' authors that are held with them. Default: none, their refs go
   */
  follow(
    removed: readonly NostrEvent[],
    gone: Set<string>,
    before: readonly Authority[],
    prs: ServedPrs,
    heldUntilMs: number | null,
    changes: StoreChanges,
    held: readonly RepositoryName[] = [],
  ): { intent: number; plan: RemovalPlan } | null {
    endStates(before, ({ id }) => gone.has(id), changes);
    const draft: Draft = { repositories: held.map((one) => ({ ...one, heldUntilMs })), refs: [] };
    for (const event of removed) {
      if (event.kind === KIND.announcement) {
        const identifier = tagValue(event, "d") ?? "";
        draft.repositories.push({ owner: event.pubkey, identifier, heldUntilMs });
        if (heldUntilMs !== null) holdSet(event.pubkey, identifier, before, heldUntilMs, changes);
        // The refs of its backups go with the repository (N23).
        if (heldUntilMs === null) changes.removeBackups(event.pubkey, identifier, Number.MAX_SAFE_INTEGER);
        this.#removeDependents(event.pubkey, identifier, gone, prs, heldUntilMs, draft, changes);
      }
      if (isPullRequest(event)) this.#addRefs(event, draft);
    }
    if (draft.repositories.length === 0 && draft.refs.length === 0) return null;
    return { intent: changes.beginIntent(removalPlan(draft)), plan: draft };
  }

  /**
   * States, PRs and other events that hang only on a repository are not served any more (R59). They are held with it, and not
   * remembered as deleted.
   */
  #removeDependents(
    owner: string,
    identifier: string,
    gone: ReadonlySet<string>,
    prs: ServedPrs,
    heldUntilMs: number | null,
    draft: Draft,
    changes: StoreChanges,
  ): void {
    const { known, store, nowSeconds } = this.#core;
    const announced = known.announcements(identifier);
    // A soft-expired announcement has no repository (P23): nothing hangs on it.
    const sets = [...known.sets(identifier)].flatMap(([one, set]) =>
      announced.get(one)?.status === "soft_expired" ? [] : [set],
    );
    const states = known
      .servedStates(identifier)
      .map(({ event }) => event)
      .filter((event) => !sets.some((set) => set.has(event.pubkey)));
    // A PR may tag a maintainer who has no repository here.
    const stranded = prs.all.filter(
      (event) =>
        !prs.own.has(event.id) &&
        store.get(event.id) !== null &&
        hostsOf(taggedRepositories(event), known).length === 0,
    );
    const first = [...states, ...stranded];
    const address = `${KIND.announcement}:${owner}:${identifier}`;
    const others = dependentsOf(address, new Set([...gone, ...first.map(({ id }) => id)]), {
      store,
      servedAt: (one) => known.servedAt(one),
      stays: ({ id }) => prs.own.has(id),
      nowSeconds: nowSeconds(),
    }).filter(({ kind }) => !GIT_KINDS.has(kind) && kind !== KIND.deletion && kind !== KIND.vanish);
    // What is held keeps its refs in the repository that is held with it.
    for (const event of stranded)
      heldUntilMs === null ? this.#addRefs(event, draft) : this.#addOwnRefs(event, draft);
    const ids = [...first, ...others].map(({ id }) => id);
    if (heldUntilMs === null) for (const id of ids) changes.remove(id, null);
    else changes.hold(ids, `${owner}/${identifier}`, secondsOf(heldUntilMs));
  }

  /** The served PRs of these identifiers' repositories, and which of them are in their authors' own ones, too (X9). */
  async servedPrs(identifiers: Iterable<string>): Promise<ServedPrs> {
    const { hosted, known } = this.#core;
    const all = new Map<string, NostrEvent>();
    for (const one of identifiers) {
      for (const event of known.pullRequests(one)) all.set(event.id, event);
      // Those that tag a maintainer of earlier are in no set any more, and still in the repository.
      for (const owner of known.announcements(one).keys()) {
        const refs = (await hosted.open(owner, one)?.refs())?.refs ?? new Map<string, string>();
        for (const ref of refs.keys()) {
          const event = known.served(nostrId(ref) ?? "");
          if (event !== null) all.set(event.id, event);
        }
      }
    }
    const own = new Set<string>();
    for (const event of all.values()) {
      for (const one of contributedIdentifiers(event, known)) {
        const repository = hosted.open(contributorsOwner(event.pubkey), one);
        if ((await repository?.refs())?.refs.has(`refs/nostr/${event.id}`)) own.add(event.id);
      }
    }
    return { all: [...all.values()], own };
  }

  /** The ref of a PR goes everywhere (R61). */
  #addRefs(event: NostrEvent, draft: Draft): void {
    const ref = `refs/nostr/${event.id}`;
    for (const identifier of taggedIdentifiers(event))
      for (const owner of this.#core.known.announcements(identifier).keys())
        draft.refs.push({ owner, identifier, ref });
    this.#addOwnRefs(event, draft);
  }

  /**
   * The ref of a PR goes from the repositories of its author, which have it although no clone URL of it names them (X14). Those that
   * are held keep it.
   */
  #addOwnRefs(event: NostrEvent, { repositories, refs }: Draft): void {
    for (const one of ownRepositories([event], this.#core.hosted)) {
      const isHeld = repositories.some(
        ({ owner, identifier }) => owner === one.owner && identifier === one.identifier,
      );
      if (!isHeld) refs.push({ ...one, ref: `refs/nostr/${event.id}` });
    }
  }
}

/** The maintainer set of a repository that was here is held with it: it says whose states count for it meanwhile (R60). */
function holdSet(
  owner: string,
  identifier: string,
  before: readonly Authority[],
  untilMs: number,
  changes: StoreChanges,
): void {
  const authority = before.find((one) => one.owner === owner && one.identifier === identifier);
  if (authority === undefined || authority.isHeld) return;
  changes.holdSet(`${owner}/${identifier}`, authority.set, secondsOf(untilMs));
}

function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000);
}
