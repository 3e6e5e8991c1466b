/**
 * Release of PRs and PR updates, and repair of their refs (N11, R47, R48, R61).
 * @module
 */
import { contributorOf, readRepositoryName } from "../contributor.ts";
import type { Core } from "../core.ts";
import { isNewer, type NostrEvent } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";
import { ZERO_ID } from "../git/command-list.ts";
import type { LeftBecause } from "../happenings.ts";
import {
  commitOf,
  contributedRepositories,
  hostsOf,
  identifiersOfPr,
  judgeUpdate,
  type TaggedRepository,
  taggedRepositories,
} from "../policy/pr-policy.ts";
import type { GitRepository } from "../ports.ts";
import type { Releasable, WaitingPr } from "../purgatory/entry.ts";
import { deleteIfUnused } from "../unused.ts";
import type { Move } from "./alignment.ts";
import { copyMissing, isComplete } from "./objects.ts";

/** What carries a release out. */
export interface Releaser {
  attempt(
    blamed: readonly Releasable[],
    plan: () => Promise<{ readonly entries: readonly Releasable[]; readonly moves: readonly Move[] } | null>,
  ): Promise<boolean>;
  drop(entry: Releasable, because: LeftBecause): Promise<void>;
  sources(identifier: string): GitRepository[];
}

export class PullRequests {
  readonly #identifier: string;
  readonly #held: ReadonlySet<string>;
  readonly #core: Core;
  readonly #releaser: Releaser;

  constructor(identifier: string, held: ReadonlySet<string>, core: Core, releaser: Releaser) {
    this.#identifier = identifier;
    this.#held = held;
    this.#core = core;
    this.#releaser = releaser;
  }

  /** Moves in what was uploaded for PRs that are known now. It may complete states, too, so that it comes first. */
  async claim(): Promise<void> {
    for (const entry of this.#core.purgatory.prs(this.#identifier)) {
      await this.#releaser.attempt([entry], async () => {
        await this.#claimUploads(entry.event, commitOf(entry.event));
        return null;
      });
    }
  }

  /** Releases the PRs whose commits are here, updates after the PRs that they update. */
  async release(): Promise<void> {
    const waiting = this.#core.purgatory.prs(this.#identifier);
    const inOrder = waiting.sort(
      (a, b) => a.event.kind - b.event.kind || (isNewer(a.event, b.event) ? 1 : -1),
    );
    for (const entry of inOrder) {
      // The locks of all its identifiers are needed (N19); a run that holds them follows.
      if (!entry.identifiers.every((one) => this.#held.has(one))) continue;
      await this.#releaseOne(entry);
    }
  }

  /**
   * Sets a missing or wrong ref of served PRs.
   * @param withOwn also in the repositories of their authors: they were pushed there, or a crash took them.
   */
  async repair(events: readonly NostrEvent[], withOwn: boolean): Promise<void> {
    for (const event of events) {
      await this.#releaser.attempt([], async () => {
        const commit = commitOf(event);
        if (commit === null || !(await isComplete([commit], this.#sources(event)))) return null;
        const own = withOwn ? await this.#ownMoves(event, commit) : [];
        return { entries: [], moves: [...(await this.#moves(event, commit)), ...own] };
      });
    }
  }

  async #releaseOne(entry: WaitingPr): Promise<void> {
    const { known } = this.#core;
    const { event } = entry;
    if (event.kind === KIND.pullRequestUpdate) {
      const verdict = judgeUpdate(event, known);
      if (verdict === "refused") return this.#releaser.drop(entry, "unauthorised");
      // Whether its author may update the PR is not known before the PR is (R48).
      if (verdict === "unknown") return;
    }
    await this.#releaser.attempt([entry], async () => {
      const commit = commitOf(event);
      if (commit === null || this.#identifiers(event).length === 0) return null;
      if (!(await isComplete([commit], this.#sources(event)))) return null;
      const moves = [...(await this.#moves(event, commit)), ...(await this.#ownMoves(event, commit))];
      return { entries: [entry], moves };
    });
  }

  /** Uploads that wait for an event: objects of the same commit move in, others are deleted (A32, R47). */
  async #claimUploads(event: NostrEvent, commit: string | null): Promise<void> {
    const { hosted, journal, purgatory } = this.#core;
    for (const placeholder of purgatory.placeholders(event.id)) {
      // Another identifier's repository is under another lock.
      if (!this.#held.has(placeholder.identifier)) continue;
      const { owner, identifier } = readRepositoryName(placeholder.repository);
      const upload = hosted.port.upload(owner, identifier, event.id);
      const isClaimed =
        placeholder.commit === commit &&
        this.#mayClaim(event, owner, identifier) &&
        hosted.open(owner, identifier) !== null;
      if (isClaimed) await upload?.adopt();
      else await upload?.discard();
      await journal.change(() => purgatory.remove(placeholder, isClaimed ? "released" : "replaced"));
      if (!isClaimed && contributorOf(owner) !== null) await deleteIfUnused(owner, identifier, this.#core);
    }
  }

  /** An upload of a contributor is for events of this contributor, and for the identifier of its path (X12). */
  #mayClaim(event: NostrEvent, owner: string, identifier: string): boolean {
    if (contributorOf(owner) === null) return true;
    const own = contributedRepositories(event, this.#core.known);
    return own.some((one) => one.owner === owner && one.identifier === identifier);
  }

  /** The identifiers under which an event may be released (N11, X9). */
  #identifiers(event: NostrEvent): string[] {
    return identifiersOfPr(event, this.#core.known).filter((identifier) => this.#held.has(identifier));
  }

  /** The repositories whose `refs/nostr/<id>` the event sets. */
  #hosts(event: NostrEvent): TaggedRepository[] {
    return hostsOf(taggedRepositories(event), this.#core.known).filter(({ identifier }) =>
      this.#held.has(identifier),
    );
  }

  async #moves(event: NostrEvent, commit: string): Promise<Move[]> {
    const ref = `refs/nostr/${event.id}`;
    const sources = this.#sources(event);
    const moves: Move[] = [];
    for (const { owner, identifier } of this.#hosts(event)) {
      const repository = this.#core.hosted.open(owner, identifier);
      if (repository === null) continue;
      await copyMissing([commit], repository, sources);
      const old = (await repository.refs()).refs.get(ref) ?? ZERO_ID;
      if (old !== commit)
        moves.push({ owner, identifier, updates: [[{ ref, old, new: commit }]], head: null });
    }
    return moves;
  }

  /**
   * The ref in the repository of the PR's author that has the commit. Nothing is copied into it (X14), and of several only one has
   * the ref (X12).
   */
  async #ownMoves(event: NostrEvent, commit: string): Promise<Move[]> {
    const ref = `refs/nostr/${event.id}`;
    const own = contributedRepositories(event, this.#core.known).filter(({ identifier }) =>
      this.#held.has(identifier),
    );
    const found: Move[] = [];
    for (const { owner, identifier } of own) {
      const repository = this.#core.hosted.open(owner, identifier);
      if (repository === null) continue;
      const old = (await repository.refs()).refs.get(ref) ?? ZERO_ID;
      if (old === commit) return [];
      if ((await repository.incomplete([commit])).size > 0) continue;
      found.push({ owner, identifier, updates: [[{ ref, old, new: commit }]], head: null });
    }
    return found.slice(0, 1);
  }

  /** The repositories whose objects count. One that gets no ref of the event may go, and the objects with it. */
  #sources(event: NostrEvent): GitRepository[] {
    const { hosted, known } = this.#core;
    const own = contributedRepositories(event, known).flatMap(
      ({ owner, identifier }) => hosted.open(owner, identifier) ?? [],
    );
    if (this.#hosts(event).length === 0) return own;
    const identifiers = new Set(taggedRepositories(event).map(({ identifier }) => identifier));
    return [...[...identifiers].flatMap((identifier) => this.#releaser.sources(identifier)), ...own];
  }
}
