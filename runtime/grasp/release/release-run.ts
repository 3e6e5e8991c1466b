/**
 * One look at what waits for an identifier (N3 to N17). The caller holds the locks.
 * @module
 */
import { authoritativeState, candidates } from "../authorise.ts";
import type { Core } from "../core.ts";
import { isNewer, type NostrEvent } from "../events/event.ts";
import type { LeftBecause } from "../happenings.ts";
import type { GitRepository, RefUpdate } from "../ports.ts";
import { keyOf, type Releasable, type WaitingAnnouncement, type WaitingState } from "../purgatory/entry.ts";
import { type RepositoryState, readState } from "../state.ts";
import { deleteUnusedAfter } from "../unused.ts";
import { isEmpty, type Move, moveTo } from "./alignment.ts";
import { isBackup, keepingBackups } from "./backups.ts";
import { lookPlan, Moving, releasePlan } from "./intent.ts";
import { copyMissing, isComplete, missingIn } from "./objects.ts";
import { PullRequests } from "./pull-requests.ts";

/** What a release did (N18). Kinds tell announcements, states and PRs apart; zeros tell refs that appeared or went. */
export interface ReleaseResult {
  /** Events that are served now, in the order in which they were released. */
  readonly released: NostrEvent[];
  /** Refs that moved, by repository. */
  readonly moved: {
    readonly owner: string;
    readonly identifier: string;
    readonly updates: readonly RefUpdate[];
  }[];
  readonly errors: unknown[];
}

export function emptyResult(): ReleaseResult {
  return { released: [], moved: [], errors: [] };
}

/** The store refuses an event at its release (N15). */
class RefusedAtRelease extends Error {
  readonly entry: Releasable;
  readonly because: LeftBecause;

  constructor(entry: Releasable, because: LeftBecause) {
    super(`the store refused a release: ${because}`);
    this.entry = entry;
    this.because = because;
  }
}

/** A waiting state that can be read. */
interface ReadEntry {
  readonly entry: WaitingState;
  readonly state: RepositoryState;
}

export class ReleaseRun {
  readonly result = emptyResult();
  /** Intents `look` of the announcements that it released. The caller ends them. */
  readonly looks: number[] = [];
  readonly #identifier: string;
  readonly #core: Core;
  /** The identifiers whose locks are held. */
  readonly #held: ReadonlySet<string>;
  /** Called when a release failed (N16, P38). */
  readonly #onFailure: (entry: Releasable, error: unknown) => Promise<void>;

  constructor(
    identifier: string,
    held: ReadonlySet<string>,
    core: Core,
    onFailure: (entry: Releasable, error: unknown) => Promise<void>,
  ) {
    this.#identifier = identifier;
    this.#held = held;
    this.#core = core;
    this.#onFailure = onFailure;
  }

  /**
   * States, oldest first, each with its announcements; then what is served already; then PRs (N5). What the store refuses is
   * dropped, and everything is looked at once more.
   */
  async run(): Promise<void> {
    const pullRequests = new PullRequests(this.#identifier, this.#held, this.#core, this);
    await pullRequests.claim();
    await this.#allStates();
    for (;;) {
      const before = this.result.moved.length;
      await pullRequests.release();
      // What a contributor pushed is copied with its PR, and may complete states and other PRs.
      if (!this.#core.known.takesPrs || this.result.moved.length === before) return;
      await this.#allStates();
    }
  }

  async #allStates(): Promise<void> {
    for (let isAgain = true; isAgain; ) {
      isAgain = await this.#states();
      isAgain = (await this.#servedStates()) || isAgain;
    }
  }

  /** @returns whether the store refused something */
  async #states(): Promise<boolean> {
    const complete = await this.#completeStates();
    let isRefused = false;
    for (const one of complete) isRefused = (await this.#releaseState(one, complete)) || isRefused;
    return isRefused;
  }

  /** The waiting states that are complete, oldest first. Those that can never be released leave purgatory (N6). */
  async #completeStates(): Promise<ReadEntry[]> {
    const { purgatory, known, store } = this.#core;
    const sets = [...known.sets(this.#identifier).values()];
    const open: ReadEntry[] = [];
    const oldestFirst = purgatory
      .states(this.#identifier)
      .sort((a, b) => (isNewer(a.event, b.event) ? 1 : -1));
    for (const entry of oldestFirst) {
      const read = readState(entry.event);
      const served = store.newest(entry.event.kind, entry.event.pubkey, this.#identifier);
      if ("fault" in read || !sets.some((set) => set.has(entry.event.pubkey))) {
        await this.drop(entry, "unauthorised");
      } else if (served !== null && isNewer(served, entry.event)) {
        await this.drop(entry, "replaced");
      } else {
        open.push({ entry, state: read.state });
      }
    }
    // All in one question: many states may wait.
    const missing = await missingIn(
      this.sources(),
      open.flatMap(({ state }) => [...state.refs.values()]),
    );
    return open.filter(({ state }) => ![...state.refs.values()].some((id) => missing.has(id)));
  }

  /** Serves a state, with the repositories that it is the newest complete one of (N7). */
  async #releaseState({ entry, state }: ReadEntry, complete: readonly ReadEntry[]): Promise<boolean> {
    const { known, purgatory } = this.#core;
    // Those that were released or dropped meanwhile are in the database, or nowhere.
    const waiting = complete.filter((one) => purgatory.event(one.entry.event.id) !== null);
    if (!waiting.some((one) => one.entry === entry)) return false;
    const states = [...known.servedStates(this.#identifier), ...waiting.map((one) => one.state)];
    return this.attempt([entry], async () => {
      const moves: Move[] = [];
      const announcements: WaitingAnnouncement[] = [];
      for (const [owner, set] of known.sets(this.#identifier)) {
        if (!set.has(state.event.pubkey)) continue;
        const list = candidates(states, set, known.ended(owner, this.#identifier));
        if (authoritativeState(list)?.event.id !== state.event.id) continue;
        const move = await this.#moveOf(owner, state);
        if (move === null) continue;
        moves.push(move);
        announcements.push(...this.#waitingAnnouncement(owner));
      }
      return { entries: [...announcements, entry], moves };
    });
  }

  /** Makes refs true where the newest complete state is served already (S25, N15), and releases the announcements there. */
  async #servedStates(): Promise<boolean> {
    const { known } = this.#core;
    const served = known.servedStates(this.#identifier);
    const sources = this.sources();
    let isRefused = false;
    for (const [owner, set] of known.sets(this.#identifier)) {
      const state = authoritativeState(candidates(served, set, known.ended(owner, this.#identifier)));
      if (state === null) continue;
      const isDone = await this.attempt(this.#waitingAnnouncement(owner), async () => {
        if (!(await isComplete(state.refs.values(), sources))) return null;
        const move = await this.#moveOf(owner, state);
        return move === null ? null : { entries: this.#waitingAnnouncement(owner), moves: [move] };
      });
      isRefused = isDone || isRefused;
    }
    return isRefused;
  }

  /** What makes an owner's repository equal to a state. Missing objects are copied. `null`: there is no repository. */
  async #moveOf(owner: string, state: RepositoryState): Promise<Move | null> {
    const repository = this.#core.hosted.open(owner, this.#identifier);
    if (repository === null) return null;
    await copyMissing(state.refs.values(), repository, this.sources());
    const snapshot = await repository.refs();
    const move = moveTo(state, snapshot);
    const kept = await keepingBackups(move, snapshot, state, repository, this.#core.nowMs());
    return { owner, identifier: this.#identifier, ...kept };
  }

  /** The announcement of an owner that a state here releases (N10). */
  #waitingAnnouncement(owner: string): WaitingAnnouncement[] {
    const { known, purgatory } = this.#core;
    const waiting = purgatory.announcement(owner, this.#identifier);
    const isServed = known.announcements(this.#identifier).get(owner)?.status === "served";
    return waiting === null || waiting.isSoftExpired || isServed ? [] : [waiting];
  }

  /** The repositories of an identifier here (P11). Default: of this one. */
  sources(identifier = this.#identifier): GitRepository[] {
    const owners = [...this.#core.known.announcements(identifier).keys()];
    return owners.flatMap((owner) => this.#core.hosted.open(owner, identifier) ?? []);
  }

  async drop(entry: Releasable, because: LeftBecause, reason?: string): Promise<void> {
    const { journal, purgatory } = this.#core;
    await journal.change(() => purgatory.remove(entry, because, reason));
    if (entry.store === "pr") await deleteUnusedAfter(entry, this.#core);
  }

  /**
   * Plans a release and carries it out. Each is on its own: a failure is noted and the next goes on (N16).
   * @returns whether the store refused an event, which is dropped then
   */
  async attempt(
    blamed: readonly Releasable[],
    plan: () => Promise<{ readonly entries: readonly Releasable[]; readonly moves: readonly Move[] } | null>,
  ): Promise<boolean> {
    try {
      const planned = await plan();
      if (planned === null) return false;
      const moves = planned.moves.filter((move) => !isEmpty(move));
      if (planned.entries.length > 0 || moves.length > 0) await this.#carryOut(planned.entries, moves);
      return false;
    } catch (error) {
      if (error instanceof RefusedAtRelease) {
        await this.drop(error.entry, error.because);
        return true;
      }
      this.result.errors.push(error);
      const [entry = null] = blamed.slice(-1);
      this.#core.happenings.tell({
        kind: "release-failed",
        identifier: this.#identifier,
        event: entry?.event ?? null,
        error,
      });
      if (entry !== null) await this.#onFailure(entry, error);
      return false;
    }
  }

  /** Steps 2 to 5 of N13: intent, refs, one transaction of the database, happenings. */
  async #carryOut(entries: readonly Releasable[], moves: readonly Move[]): Promise<void> {
    const { store, hosted, journal, happenings, nowMs } = this.#core;
    const intent =
      moves.length === 0
        ? null
        : await store.transaction((changes) =>
            changes.beginIntent(releasePlan({ entries: entries.map(keyOf), moves })),
          );
    const moving = new Moving((owner, identifier) => hosted.open(owner, identifier));
    let isStored: boolean[];
    try {
      await moving.run(moves);
      isStored = await this.#save(entries, moves, intent);
    } catch (error) {
      // The refs are as before, and the events go on waiting (N14).
      await moving.undo();
      if (intent !== null) await journal.change((changes) => changes.endIntent(intent));
      throw error;
    }
    for (const { owner, identifier, updates } of moves) {
      const all = updates.flat().filter(({ ref }) => !isBackup(ref));
      this.result.moved.push({ owner, identifier, updates: all });
      happenings.tell({ kind: "aligned", owner, identifier, updates: all });
    }
    for (const [index, { event, arrivedMs }] of entries.entries()) {
      if (!isStored[index]) continue;
      this.result.released.push(event);
      happenings.tell({ kind: "served", event, waitedMs: nowMs() - arrivedMs });
    }
    // Of several repositories of its author that have its commit, one has its ref now.
    for (const entry of entries) if (entry.store === "pr") await deleteUnusedAfter(entry, this.#core);
  }

  /**
   * Saves events, takes them from purgatory, records backups, and ends their intent: one transaction (P28).
   * @returns which are new (N15)
   */
  #save(entries: readonly Releasable[], moves: readonly Move[], intent: number | null): Promise<boolean[]> {
    const { journal, purgatory, nowSeconds } = this.#core;
    return journal.change((changes) => {
      const isStored = entries.map((entry) => {
        const saved = changes.save(entry.event, nowSeconds());
        if (saved.outcome === "refused") {
          throw new RefusedAtRelease(entry, saved.reason === "older" ? "replaced" : "deleted");
        }
        purgatory.remove(entry, "released");
        if (entry.store === "state") this.#removeOlder(entry);
        return saved.outcome === "stored";
      });
      for (const { owner, identifier, backup } of moves)
        if (backup != null) changes.addBackup(owner, identifier, backup);
      if (intent !== null) changes.endIntent(intent);
      // What follows from an announcement is not lost in a crash (X15, N12).
      if (entries.some(({ store }) => store === "announcement"))
        this.looks.push(changes.beginIntent(lookPlan([this.#identifier])));
      return isStored;
    });
  }

  /** What waits and is older than a state that is served now is never served (N6). */
  #removeOlder({ event }: WaitingState): void {
    const { purgatory } = this.#core;
    for (const other of purgatory.states(this.#identifier)) {
      const isOlder = other.event.pubkey === event.pubkey && isNewer(event, other.event);
      if (isOlder) purgatory.remove(other, "replaced");
    }
  }
}
