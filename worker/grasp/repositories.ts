/**
 * The repositories on disk: `<data>/git/<npub>/<identifier>.git` (O26).
 * @module
 */
import { existsSync, lstatSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { identifierFault } from "../../runtime/grasp/identifier.ts";
import { toNpub } from "../../runtime/grasp/npub.ts";
import type { GitRepository, Repositories } from "../../runtime/grasp/ports.ts";
import { createRepository, openRepository } from "./git/repository.ts";

/** Folders of the data directory. */
export interface DataFolders {
  readonly git: string;
  readonly quarantines: string;
  /** Uploads to `refs/nostr/` whose event is not known. */
  readonly unclaimed: string;
  /** Empty: Git's home. */
  readonly home: string;
}

/** Makes the folders of a data directory. Quarantines of an earlier run are deleted (P32). */
export async function makeDataFolders(directory: string): Promise<DataFolders> {
  const folders = {
    git: join(directory, "git"),
    quarantines: join(directory, "quarantine"),
    unclaimed: join(directory, "unclaimed"),
    home: join(directory, "home"),
  };
  await rm(folders.quarantines, { recursive: true, force: true });
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 });
  return folders;
}

/** The repositories of a data directory. */
export function repositoriesIn({ git, quarantines, unclaimed, home }: DataFolders): Repositories & {
  /** The folder of a repository; `null`: there is none, or a symbolic link is in its place (T7). */
  pathOf(owner: string, identifier: string): string | null;
} {
  const opened = new Map<string, GitRepository>();
  const place = (owner: string, identifier: string) => {
    const fault = identifierFault(identifier);
    if (fault !== null) throw new TypeError(fault);
    return join(git, toNpub(owner), `${identifier}.git`);
  };

  function pathOf(owner: string, identifier: string): string | null {
    const path = place(owner, identifier);
    return existsSync(join(path, "HEAD")) && lstatSync(path).isDirectory() ? path : null;
  }

  return {
    pathOf,
    open(owner, identifier) {
      const path = pathOf(owner, identifier);
      if (path === null) return null;
      let repository = opened.get(path);
      if (repository === undefined) {
        const own = join(unclaimed, toNpub(owner), `${identifier}.git`);
        repository = openRepository({ path, quarantines, unclaimed: own, home });
        opened.set(path, repository);
      }
      return repository;
    },
    async create(owner, identifier) {
      if (pathOf(owner, identifier) === null) await createRepository(place(owner, identifier));
    },
    async delete(owner, identifier) {
      const path = place(owner, identifier);
      opened.delete(path);
      await rm(path, { recursive: true, force: true });
    },
  };
}
