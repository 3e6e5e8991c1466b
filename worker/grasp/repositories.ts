/**
 * The repositories on disk: `<data>/git/<npub>/<identifier>.git` (O26).
 * @module
 */
import { existsSync, lstatSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { identifierFault } from "../../runtime/grasp/identifier.ts";
import { toNpub } from "../../runtime/grasp/npub.ts";
import type { GitRepository, Repositories } from "../../runtime/grasp/ports.ts";
import { createRepository, openRepository, uploadAt } from "./git/repository.ts";
import { deleteHeld, hold, namesIn, repositoriesBelow, restoreHeld } from "./held.ts";

/** Folders of the data directory. */
export interface DataFolders {
  readonly git: string;
  readonly quarantines: string;
  /** Uploads to `refs/nostr/` whose event is not known. */
  readonly unclaimed: string;
  /** Repositories that are out of service and kept for a while (R35, R59). */
  readonly held: string;
  /** Empty: Git's home. */
  readonly home: string;
}

/** Makes the folders of a data directory. Quarantines of an earlier run are deleted (P32). */
export async function makeDataFolders(directory: string): Promise<DataFolders> {
  // Git runs inside a repository, where a relative path would mean something else.
  const top = resolve(directory);
  const folders = {
    git: join(top, "git"),
    quarantines: join(top, "quarantine"),
    unclaimed: join(top, "unclaimed"),
    held: join(top, "held"),
    home: join(top, "home"),
  };
  await rm(folders.quarantines, { recursive: true, force: true });
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 });
  return folders;
}

/** The repositories of a data directory. */
export function repositoriesIn({ git, quarantines, unclaimed, held, home }: DataFolders): Repositories & {
  /** The folder of a repository; `null`: there is none, or a symbolic link is in its place (T7). */
  pathOf(owner: string, identifier: string): string | null;
} {
  const opened = new Map<string, GitRepository>();
  const placeIn = (folder: string, owner: string, identifier: string) => {
    const fault = identifierFault(identifier);
    if (fault !== null) throw new TypeError(fault);
    return join(folder, toNpub(owner), `${identifier}.git`);
  };
  const place = (owner: string, identifier: string) => placeIn(git, owner, identifier);
  const heldPlace = (owner: string, identifier: string) => placeIn(held, owner, identifier);
  const uploadPlace = (owner: string, identifier: string) => placeIn(unclaimed, owner, identifier);

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
        repository = openRepository({
          path,
          quarantines,
          unclaimed: uploadPlace(owner, identifier),
          home,
        });
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
    async list() {
      const all = await repositoriesBelow(git);
      return all.filter(
        ({ owner, identifier }) => identifierFault(identifier) === null && pathOf(owner, identifier),
      );
    },
    async hold(owner, identifier, untilMs) {
      const path = place(owner, identifier);
      opened.delete(path);
      await hold(path, heldPlace(owner, identifier), untilMs);
    },
    async restoreHeld(owner, identifier) {
      return restoreHeld(heldPlace(owner, identifier), place(owner, identifier));
    },
    deleteHeld: (nowMs) => deleteHeld(held, nowMs),
    upload(owner, identifier, id) {
      const folder = join(uploadPlace(owner, identifier), id);
      return existsSync(folder) ? uploadAt(folder, place(owner, identifier)) : null;
    },
    async uploads() {
      const found = [];
      for (const { owner, identifier, path } of await repositoriesBelow(unclaimed))
        for (const id of await namesIn(path)) found.push({ owner, identifier, id });
      return found;
    },
  };
}
