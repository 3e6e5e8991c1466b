/**
 * The folders of a read replica: the writer's repositories, and a temporary folder of its own for all that it writes.
 * @module
 */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { DataFolders } from "../repositories.ts";

/** The folders, and how they end. */
export interface ReplicaFolders {
  readonly folders: DataFolders;
  /** Deletes the temporary folder. */
  remove(): Promise<void>;
}

export async function makeReplicaFolders(dataDirectory: string): Promise<ReplicaFolders> {
  const top = resolve(dataDirectory);
  const own = await mkdtemp(join(tmpdir(), "millrace-replica-"));
  const [cache, home, quarantines] = [join(own, "cache"), join(own, "home"), join(own, "quarantine")];
  for (const folder of [cache, home, quarantines]) await mkdir(folder, { mode: 0o700 });
  await chmod(home, 0o500);
  return {
    folders: {
      git: join(top, "git"),
      unclaimed: join(top, "unclaimed"),
      held: join(top, "held"),
      cache,
      home,
      quarantines,
    },
    remove: () => rm(own, { recursive: true, force: true }),
  };
}
