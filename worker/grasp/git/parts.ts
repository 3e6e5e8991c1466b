import type { Grasp } from "../../../runtime/grasp/grasp.ts";
import type { EventReads, Room } from "../../../runtime/grasp/ports.ts";
import type { Clock, Log } from "../../../runtime/platform.ts";
import type { DiskRepositories } from "../repositories.ts";
import type { AnswerCache } from "./answer-cache.ts";
import type { GitPool } from "./pool.ts";
import type { DiskRepository } from "./repository.ts";

/** What reads work with. */
export interface GitReadParts {
  readonly grasp: Pick<Grasp, "known">;
  readonly store: Pick<EventReads, "version">;
  readonly repositories: DiskRepositories;
  readonly pool: GitPool;
  readonly cache: AnswerCache;
  /** A clock that is never set. */
  readonly clock: Pick<Clock, "now" | "after">;
  readonly log: Pick<Log, "error">;
  /** Told of bytes of packs that passed through; see `Host.passed`. */
  readonly passed?: ((bytes: number) => void) | undefined;
  /** What a contributor's path answers with before its first push (X7); `null`: contributors have no repositories here (X6). */
  readonly unborn: DiskRepository | null;
  /** An empty folder. */
  readonly home: string;
}

/** What the Git server works with. */
export interface GitHttpParts extends GitReadParts {
  readonly grasp: Grasp;
  /** Whether there is room for a push (O24). */
  readonly room: Room;
}
