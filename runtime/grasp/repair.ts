/**
 * Hourly repair (S24 to S26): served repositories have the refs of their authoritative state, and every object that it and the
 * served PRs name. What differs is aligned, what is missing is copied from here or fetched by purgatory sync.
 * @module
 */
import type { Clock } from "../platform.ts";
import type { SyncListener } from "../sync/index.ts";
import { authoritativeState, candidates } from "./authorise.ts";
import { contributorOf } from "./contributor.ts";
import { contributionsIn } from "./contributor-prs.ts";
import type { Grasp } from "./grasp.ts";
import type { GraspHappening } from "./happenings.ts";
import type { EventStore, GitRepository, Repositories } from "./ports.ts";
import { idsNamed } from "./purgatory-sync/needs.ts";
import type { PurgatorySync } from "./purgatory-sync.ts";
import { EVERYTHING } from "./release/releases.ts";
import {
  areRefsRight,
  looksAtHistory,
  REPAIR_EVERY_MS,
  REPAIR_TICK_MS,
  type RepairCounts,
  type RepairResult,
  servedRepositories,
  shareOf,
} from "./repair-plan.ts";
import type { RepositoryName } from "./repository-name.ts";

/** Missing ids that a result names. */
const MAX_NAMED = 20;
/** What is here already passed the bounds when it came. */
const NO_BOUNDS = { maxBytes: Number.MAX_SAFE_INTEGER, maxObjects: Number.MAX_SAFE_INTEGER };

/** What {@link Repairs} works with. */
export interface RepairParts {
  readonly grasp: Grasp;
  readonly store: Pick<EventStore, "query" | "get">;
  readonly repositories: Pick<Repositories, "open" | "create" | "list">;
  readonly sync: Pick<PurgatorySync, "repair">;
  /** Those of some ids whose object a repository does not have. */
  missing(owner: string, identifier: string, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Those of some ids that a repository does not have with all that they need. */
  disconnected(owner: string, identifier: string, ids: readonly string[]): Promise<ReadonlySet<string>>;
  readonly clock: Clock;
  /** Called after each check. */
  onChecked?(name: RepositoryName, result: RepairResult): void;
}

/** What {@link Repairs.inspect} found. */
export interface RepositoryView {
  /** Named ids that are not here with all that they need. */
  readonly missing: readonly string[];
  readonly areRefsRight: boolean;
}

export class Repairs {
  readonly #parts: RepairParts;
  readonly #results = new Map<string, RepairResult>();
  /** What is left of this hour's repositories. */
  #round: RepositoryName[] = [];
  #share = 0;
  #roundEndsMs = Number.NEGATIVE_INFINITY;
  /** Identifiers that are checked at the next tick. */
  readonly #soon = new Set<string>();
  /** Identifiers with a fault since their last check. */
  readonly #faults = new Set<string>();
  #checked = 0;
  #repaired = 0;
  #cancel = () => {};
  #stopListening = () => {};
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopListening = this.#parts.grasp.onHappening(this.#hear);
    this.#wait();
  }

  /** Ends it, after the check that runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopListening();
    this.#cancel();
    await this.#running;
  }

  /** Every repository that is served. */
  everyRepository(): Promise<RepositoryName[]> {
    const { grasp, store, repositories, clock } = this.#parts;
    const contributed = grasp.known.takesPrs ? repositories : null;
    return servedRepositories(store, contributed, Math.floor(clock.now() / 1000));
  }

  /** The last check of a repository; `null`: there was none in this run. */
  of(owner: string, identifier: string): RepairResult | null {
    return this.#results.get(`${owner}/${identifier}`) ?? null;
  }

  counts(): RepairCounts {
    const results = [...this.#results.values()];
    return {
      checked: this.#checked,
      repaired: this.#repaired,
      incomplete: results.filter(({ status }) => status === "incomplete").length,
      oldestMs: results.length === 0 ? null : Math.min(...results.map(({ checkedMs }) => checkedMs)),
    };
  }

  /** A listener of purgatory sync's engine: what it completed is looked at again. */
  readonly listen: SyncListener = (event) => {
    if (event.kind === "completed") this.#soon.add(event.identifier);
  };

  /** Checks a repository now, with all its history, and repairs it. @returns `null`: it is not served */
  async checkNow(owner: string, identifier: string): Promise<RepairResult | null> {
    this.#faults.add(identifier);
    return this.#check({ owner, identifier });
  }

  /**
   * Looks at a repository without changing anything (O18): whether each served state and PR has all its objects, and whether the refs
   * are those of the authoritative state.
   * @returns `null`: it is not served
   */
  async inspect(owner: string, identifier: string): Promise<RepositoryView | null> {
    if (!this.#isServed(owner, identifier)) return null;
    const { repositories, disconnected } = this.#parts;
    const { state, prs, ids } = await this.#wanted(owner, identifier);
    const repository = repositories.open(owner, identifier);
    if (repository === null) return { missing: [...ids.keys()], areRefsRight: ids.size === 0 };
    const missing = ids.size === 0 ? [] : [...(await disconnected(owner, identifier, [...ids.keys()]))];
    repository.reload();
    return { missing, areRefsRight: areRefsRight(state, prs, await repository.refs()) };
  }

  #isServed(owner: string, identifier: string): boolean {
    const { grasp, repositories } = this.#parts;
    if (contributorOf(owner) !== null)
      return grasp.known.takesPrs && repositories.open(owner, identifier) !== null;
    const announcement = this.#parts.grasp.known.announcements(identifier).get(owner);
    return announcement?.status === "served" && announcement.isHosted;
  }

  /** The authoritative state and the PRs of a repository, and the objects that they name. */
  async #wanted(owner: string, identifier: string) {
    const { known } = this.#parts.grasp;
    if (contributorOf(owner) !== null) {
      const { repositories: hosted } = this.#parts;
      const refs = (await hosted.open(owner, identifier)?.refs())?.refs ?? new Map();
      const prs = await contributionsIn(owner, identifier, refs, { known, hosted });
      return { state: null, prs, ids: idsNamed(prs, () => null) };
    }
    const set = known.sets(identifier).get(owner) ?? new Set([owner]);
    const states = candidates(known.servedStates(identifier), set, known.ended(owner, identifier));
    const state = authoritativeState(states);
    const prs = known.pullRequestsFor([owner], identifier);
    const ids = idsNamed([...(state === null ? [] : [state.event]), ...prs], () => null);
    return { state, prs, ids };
  }

  #wait(): void {
    this.#cancel = this.#parts.clock.after(REPAIR_TICK_MS, () => {
      this.#running = this.#tick().finally(() => {
        if (!this.#isStopped) this.#wait();
      });
    });
  }

  readonly #hear = (happening: GraspHappening): void => {
    if (happening.kind === "release-failed") {
      this.#faults.add(happening.identifier);
      this.#soon.add(happening.identifier);
    }
    if (happening.kind === "repository-deleted") {
      this.#results.delete(`${happening.owner}/${happening.identifier}`);
    }
  };

  async #tick(): Promise<void> {
    const nowMs = this.#parts.clock.now();
    if (nowMs >= this.#roundEndsMs) {
      this.#round = await this.everyRepository();
      this.#share = shareOf(this.#round.length);
      this.#roundEndsMs = nowMs + REPAIR_EVERY_MS;
    }
    const due = this.#round.splice(0, this.#share);
    const soon = [...this.#soon].flatMap((identifier) =>
      [...this.#parts.grasp.known.sets(identifier).keys()]
        .filter(
          (owner) => this.#faults.has(identifier) || this.of(owner, identifier)?.status === "incomplete",
        )
        .map((owner) => ({ owner, identifier })),
    );
    this.#soon.clear();
    for (const name of [...due, ...soon]) {
      if (this.#isStopped) return;
      await this.#check(name);
    }
  }

  async #check(name: RepositoryName): Promise<RepairResult | null> {
    const { owner, identifier } = name;
    const key = `${owner}/${identifier}`;
    if (!this.#isServed(owner, identifier)) {
      this.#results.delete(key);
      return null;
    }
    const checkedMs = this.#parts.clock.now();
    const last = this.#results.get(key) ?? null;
    const isFull = this.#faults.delete(identifier) || looksAtHistory(last, checkedMs);
    const connectivityMs = isFull ? checkedMs : last!.connectivityMs;
    let result: RepairResult;
    try {
      const found = await this.#repair(name, isFull);
      const missingIds = [...found.missing].slice(0, MAX_NAMED);
      result = { checkedMs, connectivityMs, status: found.status, missing: found.missing.size, missingIds };
    } catch {
      result = { checkedMs, connectivityMs: null, status: "failed", missing: 0, missingIds: [] };
    }
    this.#checked++;
    if (result.status === "repaired") this.#repaired++;
    this.#results.set(key, result);
    this.#parts.onChecked?.(name, result);
    return result;
  }

  async #repair(
    { owner, identifier }: RepositoryName,
    isFull: boolean,
  ): Promise<{ status: "complete" | "repaired" | "incomplete"; missing: ReadonlySet<string> }> {
    const { grasp, repositories, sync, disconnected, missing: absent } = this.#parts;
    const isContributed = contributorOf(owner) !== null;
    const { state, prs, ids: named } = await this.#wanted(owner, identifier);
    const ids = [...named.keys()];
    if (!isContributed && repositories.open(owner, identifier) === null) {
      await grasp.underLock(identifier, () => repositories.create(owner, identifier));
    }
    const look = isFull ? disconnected : absent;
    let missing = ids.length === 0 ? new Set<string>() : await look(owner, identifier, ids);
    const wasMissing = missing.size > 0;
    if (wasMissing) {
      // What was in memory is not true any more.
      repositories.open(owner, identifier)!.reload();
      await this.#copy(owner, identifier, missing);
      missing = await disconnected(owner, identifier, ids);
    }
    const lost = new Set([...missing].flatMap((id) => named.get(id)!));
    // A contributor's repository is not fetched from elsewhere (X16).
    if (!isContributed) sync.repair(owner, identifier, [...lost]);
    if (missing.size > 0) return { status: "incomplete", missing };
    const repository = repositories.open(owner, identifier)!;
    // Somebody else may have changed the files (T67).
    repository.reload();
    const snapshot = await repository.refs();
    if (areRefsRight(state, prs, snapshot)) return { status: wasMissing ? "repaired" : "complete", missing };
    if (isContributed) await grasp.repairContribution(owner, identifier);
    else await grasp.newGitData(identifier, EVERYTHING);
    return { status: "repaired", missing };
  }

  /** Copies what a repository lost from others of the identifier (N8). What is there is not trusted. */
  async #copy(owner: string, identifier: string, missing: ReadonlySet<string>): Promise<void> {
    const { grasp, repositories, disconnected } = this.#parts;
    const target = repositories.open(owner, identifier)!;
    let left = [...missing];
    for (const other of grasp.known.announcements(identifier).keys()) {
      const source: GitRepository | null = other === owner ? null : repositories.open(other, identifier);
      if (source === null || left.length === 0) continue;
      const lacking = await disconnected(other, identifier, left);
      const here = left.filter((id) => !lacking.has(id));
      if (here.length === 0) continue;
      const tips = here.map((id) => ({ id, isBranch: false }));
      await grasp.underLock(identifier, async () => {
        const received = await target.receive(source.pack(here), tips, NO_BOUNDS);
        if ("quarantine" in received) await received.quarantine.adopt();
      });
      left = left.filter((id) => lacking.has(id));
    }
  }
}
