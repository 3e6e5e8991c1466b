/**
 * The repositories on disk: `<data>/git/<npub>/<identifier>.git`, and `<data>/git/prs/<hex key>/<identifier>.git` (O26, X10).
 * @module
 */
import { existsSync, lstatSync } from "node:fs";
import { chmod, mkdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers";
import { identifierFault } from "../../runtime/grasp/identifier.ts";
import type { Repositories, Upload, UploadPlace } from "../../runtime/grasp/ports.ts";
import type { GitPool } from "./git/pool.ts";
import { uploadAt } from "./git/quarantine.ts";
import { createRepository, DiskRepository, type RefsOf } from "./git/repository.ts";
import {
  deleteHeld,
  dropHeld,
  hold,
  listHeld,
  namesIn,
  ownerFolder,
  removeEmpty,
  repositoriesBelow,
  restoreHeld,
} from "./held.ts";

/** Folders of the data directory. */
export interface DataFolders {
  readonly git: string;
  readonly quarantines: string;
  /** Uploads to `refs/nostr/` whose event is not known. */
  readonly unclaimed: string;
  /** Repositories that are out of service and kept for a while (R35, R59). */
  readonly held: string;
  /** Answers that are kept (G32). */
  readonly cache: string;
  /** Empty and read-only: Git's home (S30). */
  readonly home: string;
}

/** Makes the folders of a data directory. Quarantines and answers of an earlier run are deleted (P32). */
export async function makeDataFolders(directory: string): Promise<DataFolders> {
  // Git runs inside a repository, where a relative path would mean something else.
  const top = resolve(directory);
  const folders = {
    git: join(top, "git"),
    quarantines: join(top, "quarantine"),
    unclaimed: join(top, "unclaimed"),
    held: join(top, "held"),
    cache: join(top, "cache"),
    home: join(top, "home"),
  };
  for (const folder of [folders.quarantines, folders.cache])
    await rm(folder, { recursive: true, force: true });
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folders.home, 0o500);
  return folders;
}

/** Repositories whose refs are kept in memory, at most. Those of the one that was not used for longest go first. */
const MAX_IN_MEMORY = 10_000;

/** The repositories of a data directory. */
export class DiskRepositories implements Repositories {
  readonly #folders: DataFolders;
  readonly #pool: GitPool;
  /** One object a repository, by path: it is the owner of the refs. */
  readonly #known = new Map<string, DiskRepository>();
  /** Places that were looked at in this turn of the event loop, with repositories in them, and their owners' folders: one question opens a repository several times. */
  readonly #seen = new Set<string>();
  /** Those with refs in memory; the last used at the end. */
  readonly #used = new Set<DiskRepository>();

  /** Links that were told of. */
  readonly #links = new Set<string>();
  readonly #onLink: (owner: string, identifier: string) => void;
  readonly #refsOf: ((owner: string, identifier: string) => RefsOf) | null;

  /**
   * @param onLink called once for each symbolic link that is in place of a repository (T7). Default: no call
   * @param refsOf makes the refs of a repository. Default: those that this process moves
   */
  constructor(
    folders: DataFolders,
    pool: GitPool,
    onLink: (owner: string, identifier: string) => void = () => {},
    refsOf: ((owner: string, identifier: string) => RefsOf) | null = null,
  ) {
    this.#folders = folders;
    this.#pool = pool;
    this.#onLink = onLink;
    this.#refsOf = refsOf;
  }

  /** `null`: there is none, or a symbolic link is in its place (T7). */
  open(owner: string, identifier: string): DiskRepository | null {
    const { git, unclaimed, quarantines, home } = this.#folders;
    const path = placeIn(git, owner, identifier);
    if (!this.#isRepository(path)) {
      if (!this.#links.has(path) && (isLink(path) || isLink(dirname(path)))) {
        this.#links.add(path);
        this.#onLink(owner, identifier);
      }
      return null;
    }
    let repository = this.#known.get(path);
    if (repository === undefined) {
      const own = placeIn(unclaimed, owner, identifier);
      const refsOf = this.#refsOf?.(owner, identifier);
      repository = new DiskRepository({
        ...{ path, quarantines, unclaimed: own, home, pool: this.#pool },
        ...(refsOf && { refsOf }),
      });
      this.#known.set(path, repository);
    }
    this.#used.delete(repository);
    this.#used.add(repository);
    if (this.#used.size > MAX_IN_MEMORY) this.#forgetRefs(this.#used.values().next().value!);
    return repository;
  }

  /** An empty repository, for the paths of contributors who did not push yet (X7). Made at the start; nothing is written to it. */
  async unborn(): Promise<DiskRepository> {
    const { cache, quarantines, home } = this.#folders;
    const path = join(cache, "unborn.git");
    if (!isRepository(path)) await createRepository(path);
    return new DiskRepository({ path, quarantines, unclaimed: path, home, pool: this.#pool });
  }

  /** The folder of a repository; `null`: there is none. */
  pathOf(owner: string, identifier: string): string | null {
    return this.open(owner, identifier)?.path ?? null;
  }

  async create(owner: string, identifier: string): Promise<void> {
    const path = placeIn(this.#folders.git, owner, identifier);
    if (!this.#isRepository(path)) await createRepository(path);
  }

  async delete(owner: string, identifier: string): Promise<void> {
    const path = this.#gone(owner, identifier);
    await rm(path, { recursive: true, force: true });
    this.#seen.delete(path);
    await removeEmpty(dirname(path));
  }

  async list(): Promise<{ owner: string; identifier: string }[]> {
    const all = await repositoriesBelow(this.#folders.git);
    return all.filter(
      ({ identifier, path }) => identifierFault(identifier) === null && this.#isRepository(path),
    );
  }

  async hold(owner: string, identifier: string, untilMs: number): Promise<void> {
    const path = this.#gone(owner, identifier);
    await hold(path, placeIn(this.#folders.held, owner, identifier), untilMs);
    this.#seen.delete(path);
  }

  async restoreHeld(owner: string, identifier: string): Promise<boolean> {
    const { held, git } = this.#folders;
    return restoreHeld(placeIn(held, owner, identifier), placeIn(git, owner, identifier));
  }

  deleteHeld(nowMs: number): Promise<void> {
    return deleteHeld(this.#folders.held, nowMs);
  }

  listHeld(): Promise<{ owner: string; identifier: string; untilMs: number }[]> {
    return listHeld(this.#folders.held);
  }

  async dropHeld(owner: string, identifier: string): Promise<void> {
    await dropHeld(placeIn(this.#folders.held, owner, identifier));
  }

  upload(owner: string, identifier: string, id: string): Upload | null {
    const { unclaimed, git } = this.#folders;
    const own = placeIn(unclaimed, owner, identifier);
    const folder = join(own, id);
    const path = placeIn(git, owner, identifier);
    if (!existsSync(folder)) return null;
    const upload = uploadAt(folder, path, () => this.#known.get(path)?.arrived([]));
    const tidy = async () => {
      await removeEmpty(own);
      await removeEmpty(dirname(own));
    };
    return { adopt: () => upload.adopt().then(tidy), discard: () => upload.discard().then(tidy) };
  }

  async uploads(): Promise<UploadPlace[]> {
    const found = [];
    for (const { owner, identifier, path } of await repositoriesBelow(this.#folders.unclaimed))
      for (const id of await namesIn(path)) found.push({ owner, identifier, id });
    return found;
  }

  /** Forgets a repository that goes away. @returns its folder */
  #gone(owner: string, identifier: string): string {
    const path = placeIn(this.#folders.git, owner, identifier);
    const repository = this.#known.get(path);
    if (repository !== undefined) this.#forgetRefs(repository);
    this.#known.delete(path);
    this.#seen.delete(path);
    return path;
  }

  /** As {@link isRepository}, once a turn, and its owner's folder once for all of them. What this process takes away is forgotten before and after. */
  #isRepository(path: string): boolean {
    if (this.#seen.has(path)) return true;
    const ownersFolder = dirname(path);
    if (!isRepository(path, this.#seen.has(ownersFolder))) return false;
    if (this.#seen.size === 0) setImmediate(() => this.#seen.clear());
    this.#seen.add(path).add(ownersFolder);
    return true;
  }

  #forgetRefs(repository: DiskRepository): void {
    this.#used.delete(repository);
    repository.reload();
  }
}

/** @throws {TypeError} for an identifier that is none */
function placeIn(folder: string, owner: string, identifier: string): string {
  const fault = identifierFault(identifier);
  if (fault !== null) throw new TypeError(fault);
  return `${folder}/${ownerFolder(owner)}/${identifier}.git`;
}

/** A folder in a folder, neither of them a link, with Git's `HEAD`. @param isBelowFolder whether the outer one was looked at. Default: no */
function isRepository(path: string, isBelowFolder = false): boolean {
  return isFolder(path) && (isBelowFolder || isFolder(dirname(path))) && existsSync(`${path}/HEAD`);
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
