/**
 * New Git data, one way in (N1 to N4, N19): the only code that releases events from purgatory and the only code that aligns refs.
 * @module
 */
import type { Core } from "../core.ts";
import { dropDeletedRefs } from "../deleted-refs.ts";
import type { NostrEvent } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";
import { HeldEvents } from "../held-events.ts";
import { commitOf } from "../policy/pr-policy.ts";
import type { Releasable } from "../purgatory/entry.ts";
import { readState } from "../state.ts";
import { deleteUnusedAfter } from "../unused.ts";
import { RefsRefused } from "./intent.ts";
import { PullRequests } from "./pull-requests.ts";
import { emptyResult, type ReleaseResult, ReleaseRun } from "./release-run.ts";

/** What is new. */
export interface NewData {
  /** The owner of the repository that the objects came into; `all`: any. */
  readonly repository: string | "all";
  /** Ids of objects that are here now; `all`: whatever waits is looked at. */
  readonly ids: ReadonlySet<string> | "all";
}

/** Look at everything: the sets changed, or it is not known what is new. */
export const EVERYTHING: NewData = { repository: "all", ids: "all" };

/** A release may fail as often for a reason of its own before it leaves purgatory (P38). */
const MAX_FAILURES = 3;

/** Calls that wait for the lock, as one. */
interface Queued {
  data: NewData;
  readonly result: Promise<ReleaseResult>;
}

export class Releases {
  readonly #core: Core;
  readonly #heldEvents: HeldEvents;
  readonly #queued = new Map<string, Queued>();
  /** Failures by event id, of reasons of the event's own. */
  readonly #failures = new Map<string, number>();
  /** Called after announcements were released (N12). */
  onAnnounced: (identifier: string, held: ReadonlySet<string>) => Promise<void> = () => Promise.resolve();

  constructor(core: Core) {
    this.#core = core;
    this.#heldEvents = new HeldEvents(core);
  }

  /**
   * Looks at what waits for an identifier, and releases what is complete. A call during a run makes it run once more; calls
   * that wait for the same run share it (N2).
   */
  newGitData(identifier: string, data: NewData): Promise<ReleaseResult> {
    const known = this.#queued.get(identifier);
    if (known !== undefined) {
      known.data = merged(known.data, data);
      return known.result;
    }
    const queued: Queued = {
      data,
      result: this.locked([identifier], (held) => {
        this.#queued.delete(identifier);
        return this.run(identifier, queued.data, held);
      }),
    };
    this.#queued.set(identifier, queued);
    // A lock that cannot be taken leaves nothing behind.
    queued.result.catch(() => this.#queued.delete(identifier));
    return queued.result;
  }

  /**
   * Runs work under the locks of identifiers, and of those that their waiting PRs tag as well (N19).
   * @param work gets the names of the locks.
   */
  async locked<T>(
    identifiers: Iterable<string>,
    work: (held: ReadonlySet<string>) => Promise<T>,
  ): Promise<T> {
    const wanted = [...identifiers];
    for (;;) {
      const held = this.#withPullRequests(wanted);
      const done = await this.#core.locks.runAll(held, async () => {
        // A PR with another identifier may have come while the locks were waited for.
        const now = this.#withPullRequests(wanted);
        return [...now].every((name) => held.has(name)) ? { value: await work(held) } : null;
      });
      if (done !== null) return done.value;
    }
  }

  /** The same as {@link newGitData} for callers who hold the locks. */
  async run(identifier: string, data: NewData, held: ReadonlySet<string>): Promise<ReleaseResult> {
    if (data.ids !== "all" && !this.#concerns(identifier, data.ids)) return emptyResult();
    const run = this.#newRun(identifier, held);
    const isAll = data.ids === "all";
    if (isAll && data.repository === "all") await this.#dropDeleted(identifier);
    if (isAll) await this.#heldEvents.wait(identifier, held);
    await run.run();
    // There may be room for more now.
    while (isAll && (await this.#heldEvents.wait(identifier, held))) await run.run();
    if (isAll) await this.#heldEvents.serve(identifier);
    let announced = 0;
    for (let isWanted = isAll && data.repository === "all"; ; isWanted = false) {
      const now = run.result.released.filter(({ kind }) => kind === KIND.announcement).length;
      if (now === announced && !isWanted) break;
      announced = now;
      // A repository that is served now may be one that served PRs tag. What their refs bring may release another one.
      await this.#repair(identifier, held, run, this.#core.known.pullRequests(identifier));
    }
    if (announced > 0) await this.onAnnounced(identifier, held);
    await this.#endLooks(run);
    return run.result;
  }

  /**
   * Sets a missing or wrong ref of served PRs (N11). The caller holds the locks.
   * @param withOwn also in the repositories of their authors (X14). Default: no
   */
  async repairPullRequests(
    identifier: string,
    events: readonly NostrEvent[],
    held: ReadonlySet<string>,
    withOwn = false,
  ): Promise<ReleaseResult> {
    const run = this.#newRun(identifier, held);
    await this.#repair(identifier, held, run, events, withOwn);
    if (run.looks.length > 0) await this.run(identifier, EVERYTHING, held);
    await this.#endLooks(run);
    return run.result;
  }

  /** What follows from the announcements of a run is done. What failed is looked at again by the next start. */
  async #endLooks({ looks, result }: ReleaseRun): Promise<void> {
    if (looks.length === 0 || result.errors.length > 0) return;
    await this.#core.store.transaction((changes) => {
      for (const id of looks) changes.endIntent(id);
    });
  }

  /** A repository that was held comes back with the refs of PRs that were deleted meanwhile: they go (R61). */
  async #dropDeleted(identifier: string): Promise<void> {
    const { hosted, known } = this.#core;
    for (const owner of known.announcements(identifier).keys()) {
      const repository = hosted.open(owner, identifier);
      if (repository !== null) await dropDeletedRefs(repository, known);
    }
  }

  #newRun(identifier: string, held: ReadonlySet<string>): ReleaseRun {
    return new ReleaseRun(identifier, held, this.#core, (entry, error) => this.#failed(entry, error));
  }

  async #repair(
    identifier: string,
    held: ReadonlySet<string>,
    run: ReleaseRun,
    events: readonly NostrEvent[],
    withOwn = false,
  ): Promise<void> {
    const before = run.result.moved.length;
    await new PullRequests(identifier, held, this.#core, run).repair(events, withOwn);
    // What a contributor pushed was copied with its PR, and may complete states.
    if (this.#core.known.takesPrs && run.result.moved.length > before) await run.run();
  }

  /** Whether a waiting event names one of the ids (N4). */
  #concerns(identifier: string, ids: ReadonlySet<string>): boolean {
    const { purgatory } = this.#core;
    const isNamed = purgatory.prs(identifier).some(({ event }) => ids.has(commitOf(event) ?? ""));
    return (
      isNamed ||
      purgatory.states(identifier).some(({ event }) => {
        const read = readState(event);
        return "state" in read && [...read.state.refs.values()].some((id) => ids.has(id));
      })
    );
  }

  /** What fails for a reason of its own leaves purgatory in the end (P38). Other faults, such as a full disk, do not count. */
  async #failed(entry: Releasable, error: unknown): Promise<void> {
    if (!(error instanceof RefsRefused) || entry.store === "announcement") return;
    const { id } = entry.event;
    const failures = (this.#failures.get(id) ?? 0) + 1;
    if (failures < MAX_FAILURES) {
      this.#failures.set(id, failures);
      return;
    }
    this.#failures.delete(id);
    const { journal, purgatory } = this.#core;
    await journal.change(() => purgatory.fail(entry, error.message));
    if (entry.store === "pr") await deleteUnusedAfter(entry, this.#core);
  }

  #withPullRequests(identifiers: readonly string[]): Set<string> {
    const names = new Set(identifiers);
    for (const identifier of identifiers) {
      for (const entry of this.#core.purgatory.prs(identifier))
        for (const one of entry.identifiers) names.add(one);
    }
    return names;
  }
}

function merged(a: NewData, b: NewData): NewData {
  return {
    repository: a.repository === b.repository ? a.repository : "all",
    ids: a.ids === "all" || b.ids === "all" ? "all" : new Set([...a.ids, ...b.ids]),
  };
}
