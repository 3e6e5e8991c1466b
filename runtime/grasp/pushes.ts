/**
 * The course of a push (A35), apart from its bytes: the early decision, the grant that prolongs what waits, and the decision under
 * the lock with what follows from it.
 * @module
 */
import { decideContribution, hasOtherUpload, TAKEN } from "./contribution-push.ts";
import { contributorOf } from "./contributor.ts";
import type { Core } from "./core.ts";
import { dropDeletedRefs } from "./deleted-refs.ts";
import { type CommandList, type RefCommand, ZERO_ID } from "./git/command-list.ts";
import { contributedRepositories, identifiersOfPr } from "./policy/pr-policy.ts";
import type { Quarantine, RefSnapshot } from "./ports.ts";
import type { Placeholder } from "./purgatory/entry.ts";
import { decidePush, nostrId, type PushDecision } from "./push.ts";
import type { PushReason } from "./push-reason.ts";
import type { Releases } from "./release/releases.ts";
import type { Removals } from "./removals.ts";

/** Bounds on one upload whose event is not known (A34). */
export const UNCLAIMED_BOUNDS = { maxBytes: 64 * 1024 ** 2, maxObjects: 50_000 } as const;

const WAITS =
  "The event is not known yet. Publish it within 20 minutes; until then the upload is not served.";
const NOT_MOVED = "the objects are here; the ref could not be moved";

/** What the report of a push says (A37, A38). */
export interface PushOutcome {
  /** Why each ref is refused; a ref that is not here is `ok`. */
  readonly refused: ReadonlyMap<string, string>;
  /** Lines for the client's terminal. */
  readonly remote: readonly string[];
}

/** A push, as its command list says. */
export interface PushRequest {
  readonly owner: string;
  readonly identifier: string;
  readonly list: Pick<CommandList, "commands">;
  /** The client's address; `null`: it is not known. */
  readonly address: string | null;
}

export class Pushes {
  readonly #core: Core;
  readonly #releases: Releases;
  readonly #removals: Removals;

  constructor(core: Core, releases: Releases, removals: Removals) {
    this.#core = core;
    this.#releases = releases;
    this.#removals = removals;
  }

  /**
   * Decides on the list alone (A10). A grant prolongs what waits (A26), and keeps the repository until {@link Push.end}.
   * @param snapshot the refs now.
   */
  async begin(request: PushRequest, snapshot: RefSnapshot): Promise<Push> {
    const early = await decide(request, snapshot, this.#core);
    const push = new Push(request, early, this.#core, this.#releases, this.#removals);
    if (early.isGranted) await push.flows();
    else push.tell(false, early.reason);
    return push;
  }
}

/** One push under way. */
export class Push {
  /** The early decision. */
  readonly early: PushDecision;
  readonly #request: PushRequest;
  readonly #core: Core;
  readonly #releases: Releases;
  readonly #removals: Removals;
  #isTold = false;
  #isOver = false;

  constructor(request: PushRequest, early: PushDecision, core: Core, releases: Releases, removals: Removals) {
    this.#request = request;
    this.early = early;
    this.#core = core;
    this.#releases = releases;
    this.#removals = removals;
    core.hosted.use(request.owner, request.identifier);
  }

  /** Makes a contributor's repository, which appears with its first push (X10). Others are there already. */
  async prepare(): Promise<void> {
    const { hosted, known, locks } = this.#core;
    const { owner, identifier } = this.#request;
    if (contributorOf(owner) === null) return;
    // Under the lock also if it is there: it may be about to go, with its last ref (X11).
    await locks.run(identifier, async () => {
      if (hosted.open(owner, identifier) !== null) return;
      await hosted.create(owner, identifier);
      // It may be one that was held with its author (O14).
      await dropDeletedRefs(hosted.open(owner, identifier)!, known);
    });
  }

  /** Bytes flow: the state that the push completes and its announcement wait on (A26, P14, P15). Called once a minute. */
  async flows(): Promise<void> {
    const { journal, purgatory } = this.#core;
    const { owner, identifier } = this.#request;
    const id = this.early.state?.event.id;
    if (id === undefined || purgatory.event(id) === null) return;
    await journal.change(() => {
      const state = purgatory.event(id);
      const announcement = purgatory.announcement(owner, identifier);
      if (state !== null) purgatory.flows(state);
      if (announcement !== null && !announcement.isSoftExpired) purgatory.flows(announcement);
    });
  }

  /** The push is over before its objects were accepted: a fault of the pack (A35, steps 2 and 3). */
  refused(reason: PushReason): void {
    this.tell(false, reason);
  }

  /**
   * The decision again, under the lock, on fresh refs and events; then objects, refs and events (A35, steps 4 and 5).
   * @param quarantine holds the objects. It is gone afterwards.
   */
  async finish(quarantine: Quarantine): Promise<PushOutcome> {
    try {
      return await this.#releases.locked(this.#identifiers(), (held) => this.#finishLocked(quarantine, held));
    } finally {
      // What is decided is decided: the next start deletes what is left (P32).
      await quarantine.discard().catch(() => {});
    }
  }

  /** The push ended, however. What waited for its end follows (A42). */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const { owner, identifier } = this.#request;
    this.#core.hosted.unuse(owner, identifier);
    await this.#removals.afterUse(owner, identifier);
  }

  /** Tells, once, what was decided. */
  tell(granted: boolean, reason: PushReason): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const { owner, identifier } = this.#request;
    this.#core.happenings.tell({ kind: "push-judged", owner, identifier, granted, reason });
  }

  /** The locks of a push: a PR that a contributor pushes may tag repositories of other identifiers. */
  #identifiers(): Set<string> {
    const { known } = this.#core;
    const { owner, identifier, list } = this.#request;
    const ids = contributorOf(owner) === null ? [] : list.commands.map(({ ref }) => nostrId(ref) ?? "");
    const events = ids.flatMap((id) => known.known(id) ?? []);
    return new Set([identifier, ...events.flatMap((event) => identifiersOfPr(event, known))]);
  }

  async #finishLocked(quarantine: Quarantine, held: ReadonlySet<string>): Promise<PushOutcome> {
    const { owner, identifier, list } = this.#request;
    const repository = this.#core.hosted.open(owner, identifier);
    if (repository === null) return this.#refuseAll("not_announced", "the repository is gone");
    const decision = await decide(this.#request, await repository.refs(), this.#core);
    if (!decision.isGranted) {
      this.tell(false, decision.reason);
      return { refused: decision.refused, remote: [...this.#changedMeanwhile(decision), ...decision.remote] };
    }
    const kept = await this.#keepUploads(decision.unclaimed, quarantine);
    if (typeof kept === "string") return this.#refuseAll("too_many_uploads", kept);
    const remote = [...decision.remote, ...(kept.length > 0 ? [WAITS] : [])];
    const others = list.commands.filter((command) => !decision.unclaimed.includes(command));
    if (others.length === 0) {
      this.tell(true, decision.reason);
      return { refused: new Map(), remote };
    }
    try {
      await quarantine.adopt(kept.length > 0 ? tipsOf(others) : undefined);
      await this.#releases.run(identifier, { repository: owner, ids: "all" }, held);
      const events = others.flatMap(({ ref }) => this.#core.store.get(nostrId(ref) ?? "0".repeat(64)) ?? []);
      await this.#releases.repairPullRequests(identifier, events, held, contributorOf(owner) !== null);
    } catch (error) {
      // What it could not do all of, it does none of (A25).
      await this.#dropUploads(kept);
      throw error;
    }
    return this.#report(others, kept, remote);
  }

  /** What the refs are now, and not what was meant, is reported (A37). */
  async #report(
    commands: readonly RefCommand[],
    kept: readonly Placeholder[],
    remote: readonly string[],
  ): Promise<PushOutcome> {
    const { owner, identifier, list } = this.#request;
    const { refs } = await this.#core.hosted.open(owner, identifier)!.refs();
    const wrong = commands.filter(({ ref, new: id }) => (refs.get(ref) ?? ZERO_ID) !== id);
    if (wrong.length === 0) {
      this.tell(true, this.early.reason);
      return { refused: new Map(), remote };
    }
    // All commands succeed or none (A25).
    await this.#dropUploads(kept);
    this.tell(false, "failed");
    return { refused: new Map(list.commands.map(({ ref }) => [ref, NOT_MOVED])), remote: [NOT_MOVED] };
  }

  /** Keeps uploads whose events are not known, all or none (A24, A29, A32). @returns their records, or why none is kept */
  async #keepUploads(
    unclaimed: readonly RefCommand[],
    quarantine: Quarantine,
  ): Promise<Placeholder[] | string> {
    const { list } = this.#request;
    const without = tipsOf(list.commands.filter((command) => !unclaimed.includes(command)));
    const kept: Placeholder[] = [];
    try {
      for (const command of unclaimed) {
        const result = await this.#keepUpload(command, quarantine, without);
        if (typeof result === "string") {
          await this.#dropUploads(kept);
          return result;
        }
        kept.push(result);
      }
    } catch (error) {
      await this.#dropUploads(kept);
      throw error;
    }
    return kept;
  }

  async #keepUpload(
    { ref, new: commit }: RefCommand,
    quarantine: Quarantine,
    without: readonly string[],
  ): Promise<Placeholder | string> {
    const { owner, identifier, address } = this.#request;
    const { journal, purgatory } = this.#core;
    const id = nostrId(ref)!;
    const repository = `${owner}/${identifier}`;
    const { bytes, objects } = await quarantine.keep(id, commit, without);
    try {
      const isSmall = bytes <= UNCLAIMED_BOUNDS.maxBytes && objects <= UNCLAIMED_BOUNDS.maxObjects;
      const upload = { id, repository, identifier, commit, bytes, address };
      const isTaken = () => hasOtherUpload(id, repository, purgatory);
      const add = () => (isTaken() ? null : purgatory.addPlaceholder(upload));
      const added = isSmall ? await journal.change(add) : null;
      if (added?.outcome === "added") return purgatory.placeholder(repository, id)!;
      await this.#dropUpload(id);
      if (isTaken()) return TAKEN;
      return isSmall
        ? "too many uploads wait for their events; publish the event first"
        : "the upload is too large before its event is known; publish the event first";
    } catch (error) {
      // Without its record nothing would delete it before the next start.
      await this.#dropUpload(id);
      throw error;
    }
  }

  /** Deletes an upload that is refused, and the record of an earlier one, which it replaced on the disk. */
  async #dropUpload(id: string): Promise<void> {
    const { hosted, journal, purgatory } = this.#core;
    const { owner, identifier } = this.#request;
    const earlier = purgatory.placeholder(`${owner}/${identifier}`, id);
    if (earlier !== null) await journal.change(() => purgatory.remove(earlier, "failed"));
    await hosted.port.upload(owner, identifier, id)?.discard();
  }

  async #dropUploads(kept: readonly Placeholder[]): Promise<void> {
    for (const { id } of kept) await this.#dropUpload(id);
  }

  /** Says that the state which granted the push is not the one that decides now (A36). */
  #changedMeanwhile(decision: PushDecision): string[] {
    const before = this.early.state?.event.id;
    if (before === undefined || before === decision.state?.event.id) return [];
    return [
      `State ${before.slice(0, 8)}, which granted this push, was replaced, deleted or expired meanwhile.`,
    ];
  }

  #refuseAll(reason: PushReason, text: string): PushOutcome {
    this.tell(false, reason);
    return {
      refused: new Map(this.#request.list.commands.map(({ ref }) => [ref, text])),
      remote: [text],
    };
  }
}

/** Decides on a push, by the rules of its kind of repository. */
async function decide(
  { owner, identifier, list }: PushRequest,
  snapshot: RefSnapshot,
  core: Core,
): Promise<PushDecision> {
  if (contributorOf(owner) === null) return decidePush(owner, identifier, list, snapshot, core);
  const { known, purgatory, hosted } = core;
  const taken = new Set<string>();
  for (const { ref } of list.commands) {
    const id = nostrId(ref);
    const event = id === null ? null : known.known(id);
    for (const one of event === null ? [] : contributedRepositories(event, known)) {
      if (one.identifier === identifier && one.owner === owner) continue;
      if ((await hosted.open(one.owner, one.identifier)?.refs())?.refs.has(ref)) taken.add(id!);
    }
  }
  return decideContribution(owner, identifier, list, snapshot, { known, purgatory, taken });
}

function tipsOf(commands: readonly RefCommand[]): string[] {
  return [...new Set(commands.map(({ new: id }) => id).filter((id) => id !== ZERO_ID))];
}
