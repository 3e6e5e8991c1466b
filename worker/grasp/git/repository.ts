/**
 * One bare repository on disk, by system Git.
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type {
  GitRepository,
  Healed,
  PackBounds,
  PackFault,
  Quarantine,
  RefSnapshot,
  RefUpdate,
} from "../../../runtime/grasp/ports.ts";
import { ALTERNATES, ownBorrowed, STILL_BORROWED } from "./borrowed.ts";
import { incompleteOf } from "./connected.ts";
import { forget } from "./forget.ts";
import { heal } from "./heal.ts";
import { removeLeftovers } from "./leftovers.ts";
import { losingOf } from "./losing.ts";
import { hasObjects } from "./pack-folder.ts";
import type { GitPool } from "./pool.ts";
import { NoAnswer, startGit } from "./process.ts";
import { type QuarantinePlaces, receivePack, type Tip, takeFetched } from "./quarantine.ts";
import { Refs } from "./refs.ts";
import { type GitRunner, ownGit, plainGit } from "./runner.ts";

/** Ids that are remembered as complete, and as many as incomplete. */
const MAX_REMEMBERED = 100_000;

/** Commits whose parents are remembered until refs move. */
const MAX_RECENT = 1000;

/** Where a repository is, and what is beside it. */
export interface RepositoryPlaces {
  /** The bare repository's folder. */
  readonly path: string;
  /** Where quarantines are made. */
  readonly quarantines: string;
  /** Where this repository keeps unclaimed uploads. It need not exist. */
  readonly unclaimed: string;
  /** An existing, empty folder. */
  readonly home: string;
  readonly pool: GitPool;
  /** Makes its refs. Default: those that this process moves. */
  readonly refsOf?: RefsOf;
}

/** Makes the refs of a repository at a path. */
export type RefsOf = (path: string, git: GitRunner) => Refs;

/** A repository, which must exist. */
export class DiskRepository implements GitRepository {
  readonly path: string;
  readonly #places: RepositoryPlaces;
  readonly #refs: Refs;
  readonly #git: GitRunner;
  #proposals = { version: "", has: false };
  /** Ids that were found complete. Objects that refs lead to do not go away. */
  readonly #complete = new Set<string>();
  /** Ids that were found incomplete since objects last arrived: what waits is looked at with every arrival of an event. */
  readonly #incomplete = new Set<string>();
  #arrivals = 0;
  /** It had no object when it was healed, and none came since. */
  #isEmpty = false;
  /** The commits that came last, with their parents, until refs move: most pushes need no process to tell a fast-forward (N21). */
  #recent: ReadonlyMap<string, readonly string[]> = new Map();
  /** How often it was forgotten. */
  #reloads = 0;

  constructor(places: RepositoryPlaces) {
    this.path = places.path;
    this.#places = places;
    this.#git = ownGit(places.pool, { home: places.home, repository: places.path });
    this.#refs = places.refsOf?.(places.path, this.#git) ?? new Refs(places.path, this.#git);
  }

  refs(): Promise<RefSnapshot> {
    return this.#refs.snapshot();
  }

  /** What the tag objects among the refs of a snapshot lead to, by their id. */
  peeled(snapshot: RefSnapshot): Promise<ReadonlyMap<string, string>> {
    return this.#refs.peeled(snapshot);
  }

  /** Whether there are refs of pull requests. */
  hasProposals({ version, refs }: RefSnapshot): boolean {
    if (this.#proposals.version !== version) {
      this.#proposals = { version, has: [...refs.keys()].some((name) => name.startsWith("refs/nostr/")) };
    }
    return this.#proposals.has;
  }

  reload(): void {
    this.#refs.reload();
    this.#complete.clear();
    this.#incomplete.clear();
    this.#isEmpty = false;
    this.#reloads++;
  }

  /**
   * Objects came in.
   * @param ids those that are complete now.
   * @param parents commits that came, with their parents, as far as they are known.
   */
  arrived(ids: readonly string[], parents: ReadonlyMap<string, readonly string[]> = new Map()): void {
    this.#arrivals++;
    this.#isEmpty = false;
    this.#recent = parents.size <= MAX_RECENT ? parents : new Map();
    this.#incomplete.clear();
    remember(this.#complete, ids);
  }

  /** The caller has a slot of the pool. @param signal ends Git, and with it the receipt. */
  receive(
    pack: AsyncIterable<Uint8Array>,
    tips: readonly Tip[],
    bounds: PackBounds,
    signal?: AbortSignal,
  ): Promise<{ quarantine: Quarantine } | { fault: PackFault }> {
    return receivePack(pack, tips, bounds, this.#newQuarantine(signal));
  }

  /** Takes a folder that Git has fetched objects into; see {@link takeFetched}. The caller has a slot of the pool. */
  take(
    fetched: string,
    ids: readonly string[],
    bounds: PackBounds,
    signal?: AbortSignal,
  ): Promise<Quarantine | null> {
    return takeFetched(fetched, ids, bounds, this.#newQuarantine(signal));
  }

  #newQuarantine(signal: AbortSignal | undefined): QuarantinePlaces {
    const { home, path, quarantines, unclaimed } = this.#places;
    return {
      home,
      quarantines,
      unclaimed,
      repository: path,
      folder: join(quarantines, randomUUID()),
      git: plainGit({ home, repository: path, ...(signal && { signal }) }),
      present: async () => [...new Set((await this.refs()).refs.values())],
      onAdopted: (ids, parents) => this.arrived(ids, parents),
    };
  }

  async incomplete(ids: readonly string[], isThorough = false): Promise<Set<string>> {
    const isKnown = (id: string) => this.#complete.has(id) || this.#incomplete.has(id);
    const asked = isThorough ? ids : ids.filter((id) => !isKnown(id));
    const missing = new Set(isThorough ? [] : ids.filter((id) => this.#incomplete.has(id)));
    if (asked.length === 0) return missing;
    const before = this.#arrivals;
    // A repository that waits for its first push costs no process, however many of them a start looks at.
    const reloads = this.#reloads;
    let found: Set<string>;
    try {
      found =
        !this.#isEmpty && hasObjects(this.path)
          ? await incompleteOf(this.#git, asked, isThorough)
          : new Set(asked);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      // What waits goes on waiting, and is looked at again with the next question.
      return new Set([...missing, ...asked]);
    }
    const complete = asked.filter((id) => !found.has(id));
    // What was looked at before objects were deleted may be gone.
    if (this.#reloads === reloads) remember(this.#complete, complete);
    for (const id of complete) this.#incomplete.delete(id);
    for (const id of found) {
      missing.add(id);
      this.#complete.delete(id);
    }
    if (this.#arrivals === before) remember(this.#incomplete, [...found]);
    return missing;
  }

  losing(updates: readonly RefUpdate[]): Promise<RefUpdate[]> {
    return losingOf(this.#git, updates, this.#recent);
  }

  updateRefs(updates: readonly RefUpdate[]): Promise<boolean> {
    this.#recent = new Map();
    return this.#refs.move(updates);
  }

  forgetUnreachable(): Promise<void> {
    return forget(this.path);
  }

  setHead(branch: string): Promise<void> {
    return this.#refs.setHead(branch);
  }

  async *pack(ids: readonly string[]): AsyncGenerator<Uint8Array> {
    const { home, path, pool } = this.#places;
    const release = await pool.take("own", null);
    const packing = startGit(["pack-objects", "--stdout", "--revs", "-q"], { home, repository: path });
    try {
      packing.stdin.end(ids.map((id) => `${id}\n`).join(""));
      yield* packing.stdout;
      const code = await packing.finished;
      if (code !== 0) throw new Error(`git pack-objects ended with ${code}`);
    } finally {
      packing.kill();
      release();
    }
  }

  /**
   * Packs refs if at least this number of them are in files of their own.
   * @param git runs Git. The refs have the same values afterwards.
   * @returns whether it did
   */
  packRefs(fewest: number, git: (args: readonly string[]) => Promise<void>): Promise<boolean> {
    return this.#refs.exclusive(async () => {
      const entries = await readdir(join(this.path, "refs"), { recursive: true, withFileTypes: true });
      if (entries.filter((entry) => entry.isFile()).length < fewest) return false;
      await git(["pack-refs", "--all", "--prune"]);
      return true;
    });
  }

  async heal(): Promise<Healed> {
    // The looks wait for no thread: others have their turn between two repositories.
    await nextTurn();
    const healed = await this.#refs.exclusive(async () => {
      const arrivals = this.#arrivals;
      const leftovers = await removeLeftovers(this.path);
      const found = [...heal(this.path), ...leftovers.files];
      const borrowed = await ownBorrowed(this.path, this.#git);
      if (borrowed === "owned") found.push(ALTERNATES);
      const isEmpty = borrowed === "none" && !leftovers.hasOthers && arrivals === this.#arrivals;
      return { found, failed: borrowed === "failed" ? [STILL_BORROWED] : [], isEmpty };
    });
    if (healed.found.length + healed.failed.length > 0) this.reload();
    else this.#isEmpty = healed.isEmpty;
    return healed;
  }
}

function remember(known: Set<string>, ids: readonly string[]): void {
  if (known.size + ids.length > MAX_REMEMBERED) known.clear();
  for (const id of ids.slice(0, MAX_REMEMBERED)) known.add(id);
}

/** Creates an empty bare repository (P7): a few files and no process. */
export async function createRepository(path: string): Promise<void> {
  await mkdir(join(path, "objects/pack"), { recursive: true });
  await mkdir(join(path, "refs/heads"), { recursive: true });
  await mkdir(join(path, "refs/tags"), { recursive: true });
  await writeFile(
    join(path, "config"),
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
  );
  // Last: without it the folder is no repository.
  await writeFile(join(path, "HEAD"), "ref: refs/heads/main\n");
}
