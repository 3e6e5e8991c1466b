/**
 * Maintenance of one repository (O22, O23): refs and small packs become few files, clones are answered from bitmaps, and what no
 * ref leads to is deleted after 14 days. All long work is done beside the repository; under the lock, files are exchanged.
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { packsToCombine } from "../../../runtime/grasp/git/geometry.ts";
import {
  FORGOTTEN_SECONDS,
  mustPrune,
  type ObjectCounts,
  UNREACHABLE_SECONDS,
} from "../../../runtime/grasp/git/prune-plan.ts";
import { discardFolder } from "./discard.ts";
import { hasForgotten, isToForget } from "./forget.ts";
import { type Leftovers, removeLeftovers } from "./leftovers.ts";
import {
  dateObjects,
  exchangePacks,
  hasOnly,
  looseObjectsIn,
  type PackFile,
  packsIn,
} from "./pack-folder.ts";
import { type GitOptions, runGit } from "./process.ts";
import type { DiskRepository } from "./repository.ts";
import { isRemembered, rememberWhole } from "./whole-pack.ts";

/** Loose refs that are worth a process to pack them. */
const LOOSE_REFS = 16;
/** One processor for each (O22); and this writes a commit-graph although reads of ours do not trust one. */
const SETTINGS = ["-c", "pack.threads=1", "-c", "core.commitGraph=true"];

/** What maintenance of a repository works with. Its caller has a slot of the pool. */
export interface MaintenanceParts {
  readonly repository: DiskRepository;
  /** Where folders for new packs are made. Deleted at the next start. */
  readonly quarantines: string;
  readonly home: string;
  /** Ends all of it. */
  readonly signal: AbortSignal;
  readonly nowSeconds: () => number;
  /** Runs work under the identifier's lock. */
  underLock<T>(work: () => Promise<T>): Promise<T>;
  /** Whether the repository is in service, and no push and no fetch into it is under way. */
  isFree(): boolean;
  /** Whether nothing waits for objects that no ref leads to yet, so that they may go at once (N23). Default: nothing does */
  mayForget?(): boolean;
}

/** What was done. */
export interface MaintenanceResult {
  readonly result: "done" | "nothing" | "put_off";
  /** Packs that became one. */
  readonly combined: number;
  /** Bytes of packs that a prune made free. */
  readonly freedBytes: number;
  readonly leftovers: Leftovers;
}

/** Thrown inside where somebody uses the repository. */
class PutOff extends Error {
  override readonly name = "PutOff";
}

/**
 * Maintains a repository.
 * @param pruning ends a prune that takes too long; `null`: this time nothing is pruned.
 * @throws {Error} if Git fails. The repository is as it was, or has the new files.
 */
export async function maintain(
  parts: MaintenanceParts,
  pruning: AbortSignal | null,
): Promise<MaintenanceResult> {
  const work = new Work(parts);
  const leftovers = await removeLeftovers(parts.repository.path);
  const done = { combined: 0, freedBytes: 0 };
  let isPutOff = false;
  try {
    done.combined = await work.tidy();
    if (pruning !== null) done.freedBytes = await work.prune(AbortSignal.any([parts.signal, pruning]));
    await work.note();
  } catch (error) {
    if (!(error instanceof PutOff)) throw error;
    isPutOff = true;
  } finally {
    await work.end();
  }
  const result = isPutOff ? "put_off" : work.hasChanged ? "done" : "nothing";
  return { result, ...done, leftovers };
}

class Work {
  hasChanged = false;
  readonly #parts: MaintenanceParts;
  readonly #path: string;
  readonly #objects: string;
  readonly #folder: string;

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
    this.#path = parts.repository.path;
    this.#objects = join(this.#path, "objects");
    this.#folder = join(parts.quarantines, randomUUID());
  }

  /** Packs refs, and combines packs as far as it pays. @returns packs that became one */
  async tidy(): Promise<number> {
    const { repository } = this.#parts;
    if (!this.#parts.isFree()) throw new PutOff();
    if (await repository.packRefs(LOOSE_REFS, (args) => this.#git(args).then(() => {})))
      this.hasChanged = true;
    const all = await packsIn(this.#objects);
    const packs = packsToCombine(all.filter(({ since }) => since === null));
    if (packs.length === 0) return 0;
    const input = packs.map((name) => `${name}.pack\n`).join("");
    await this.#stage(["--stdin-packs"], input);
    await this.#exchange(async () => exchangePacks(this.#objects, this.#folder, { packs, loose: [] }));
    await this.#writeGraph();
    await this.#writeIndex("--bitmap");
    return packs.length;
  }

  /**
   * Packs what refs lead to, sets apart what became unreachable, and leaves out what is that for 14 days.
   * @returns bytes that are free now
   */
  async prune(signal: AbortSignal): Promise<number> {
    const { repository, nowSeconds } = this.#parts;
    if (!this.#parts.isFree()) throw new PutOff();
    const { version } = await repository.refs();
    const packs = await packsIn(this.#objects);
    const loose = await looseObjectsIn(this.#objects);
    if (packs.length === 0 && loose.length === 0) return 0;
    const usual = packs.filter(({ since }) => since === null);
    const apart = packs.filter(({ since }) => since !== null);
    const counts: ObjectCounts = {
      reachable: await this.#reachable(signal),
      packed: usual.reduce((total, { objects }) => total + objects, 0),
      loose: loose.length,
      unreachableSince: apart.length === 0 ? null : Math.min(...apart.map(({ since }) => since!.oldest)),
    };
    const isForgetting = isToForget(this.#path) && (this.#parts.mayForget?.() ?? true);
    if (!mustPrune(counts, nowSeconds())) {
      if (isForgetting && apart.length === 0) await hasForgotten(this.#path);
      if (!isForgetting || apart.length === 0) return 0;
    }
    // Git takes a file's date for the time since which its objects are not used: for those found now, that is now. What is to
    // be forgotten has the date of its arrival (N26).
    if (!isForgetting) await dateObjects(this.#objects, usual, loose, nowSeconds());
    await this.#stage(["--revs", "--all"], "", signal);
    await this.#stageUnreachable(packs, isForgetting ? FORGOTTEN_SECONDS : UNREACHABLE_SECONDS, signal);
    await this.#writeGraph(signal);
    const hasMore = (await packsIn(this.#folder)).some(({ since }) => since !== null);
    await this.#exchange(async () => {
      const isSame = (await repository.refs()).version === version;
      if (!isSame || !(await hasOnly(this.#objects, packs, loose))) throw new PutOff();
      const old = { packs: packs.map(({ name }) => name), loose };
      await exchangePacks(this.#objects, this.#folder, old);
      if (isForgetting && !hasMore) await hasForgotten(this.#path);
      // Before the lock is given back (O34).
      repository.reload();
      await this.#writeIndex();
    });
    const left = await packsIn(this.#objects);
    await this.#writeIndex("--bitmap");
    return Math.max(0, bytesOf(packs) - bytesOf(left));
  }

  /** Remembers that the one pack has exactly what branches and tags need, so that it is the answer to clones. */
  async note(): Promise<void> {
    const packs = await packsIn(this.#objects);
    const loose = await looseObjectsIn(this.#objects);
    const [pack] = packs;
    if (pack === undefined || packs.length > 1 || loose.length > 0) return;
    const { refs } = await this.#parts.repository.refs();
    const tips = new Set([...refs].filter(([name]) => !name.startsWith("refs/nostr/")).map(([, id]) => id));
    if (tips.size === 0 || (await isRemembered(this.#path, pack.name, tips))) return;
    const input = [...tips].map((id) => `${id}\n`).join("");
    const needed = await this.#git(["rev-list", "--objects", "--count", "--use-bitmap-index", "--stdin"], {
      input,
    });
    if (Number(needed) === pack.objects) await rememberWhole(this.#path, pack.name, tips);
  }

  /** Deletes the folder with packs that were not needed, and what a killed process left (O33). */
  async end(): Promise<void> {
    await discardFolder(this.#folder);
    await removeLeftovers(this.#path).catch(ignoreIfGone);
  }

  async #reachable(signal: AbortSignal): Promise<number> {
    const args = ["rev-list", "--all", "--objects", "--count", "--use-bitmap-index"];
    return Number(await this.#git(args, { signal }));
  }

  /** Writes a pack into the folder beside the repository. */
  async #stage(args: readonly string[], input: string, signal = this.#parts.signal): Promise<void> {
    await mkdir(join(this.#folder, "pack"), { recursive: true });
    const env = { GIT_ALTERNATE_OBJECT_DIRECTORIES: this.#folder };
    const target = join(this.#folder, "pack/pack");
    await this.#git(["pack-objects", "-q", "--non-empty", "--delta-base-offset", ...args, target], {
      input,
      env,
      signal,
    });
  }

  /** @param keptSeconds how old unreachable objects may be */
  async #stageUnreachable(old: readonly PackFile[], keptSeconds: number, signal: AbortSignal): Promise<void> {
    const until = this.#parts.nowSeconds() - keptSeconds;
    const reachable = (await packsIn(this.#folder)).map(({ name }) => name);
    const names = [
      ...reachable.map((name) => `${name}.pack\n`),
      ...old.filter(({ name }) => !reachable.includes(name)).map(({ name }) => `-${name}.pack\n`),
    ];
    await this.#stage(["--cruft", `--cruft-expiration=${until}`], names.join(""), signal);
  }

  /** Exchanges files under the lock, unless somebody uses the repository. */
  async #exchange(work: () => Promise<void>): Promise<void> {
    await this.#parts.underLock(async () => {
      if (!this.#parts.isFree()) throw new PutOff();
      await work();
    });
    this.hasChanged = true;
  }

  async #writeGraph(signal = this.#parts.signal): Promise<void> {
    await this.#git(["commit-graph", "write", "--reachable", "--no-progress"], { signal });
  }

  /** Writes the index of all packs. @param more with `--bitmap`: for each of many commits, the objects that it needs */
  async #writeIndex(...more: readonly string[]): Promise<void> {
    if ((await packsIn(this.#objects)).length === 0) return;
    await this.#git(["multi-pack-index", "write", "--no-progress", ...more]);
  }

  async #git(
    args: readonly string[],
    { input = "", ...options }: Pick<GitOptions, "env" | "signal"> & { readonly input?: string } = {},
  ): Promise<string> {
    const { home, signal } = this.#parts;
    const where = { home, repository: this.#path, signal, ...options, isIdle: true };
    const { code, stdout, stderr } = await runGit([...SETTINGS, ...args], where, input);
    where.signal?.throwIfAborted();
    if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}: ${stderr.slice(0, 500)}`);
    return stdout.toString("latin1");
  }
}

function bytesOf(packs: readonly PackFile[]): number {
  return packs.reduce((total, { bytes }) => total + bytes, 0);
}

/** A repository that was deleted meanwhile has no leftovers. */
function ignoreIfGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
