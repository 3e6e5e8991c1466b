/**
 * The refs of a repository that another process moves: read from the disk, and again whenever they may have changed.
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Intent, RefSnapshot } from "../../../runtime/grasp/ports.ts";
import { isOfOneMoment, isQuiet, type Moment } from "../../../runtime/grasp/replica/look.ts";
import { movesUnderWay, refsBefore } from "../../../runtime/grasp/replica/refs-before.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { PoolBusy } from "./pool.ts";
import { Refs } from "./refs.ts";
import { readRefs } from "./refs-files.ts";
import type { GitRunner } from "./runner.ts";

/** Looks at files that do not keep still, and the pause between two, in milliseconds. */
const MAX_LOOKS = 100;
const PAUSE_MS = 20;

/** What the writer has in the database, as of now. */
export interface WriterData {
  /** Changes with every transaction of the writer. */
  look(): number;
  intents(): Intent[];
}

/** Whose refs they are, and what is known of the process that moves them. */
export interface WatchedPlace {
  readonly owner: string;
  readonly identifier: string;
  readonly writer: WriterData;
  readonly clock: Pick<Clock, "now" | "after">;
}

/** Times of folders, as one text, and the newest in milliseconds. */
class FolderTimes {
  readonly #times = new Map<string, string>();
  changedMs = 0;

  readonly add = async (path: string): Promise<void> => {
    const { ino, mtimeNs } = await stat(path, { bigint: true });
    this.#times.set(path, `${ino} ${mtimeNs}`);
    this.changedMs = Math.max(this.changedMs, Number(mtimeNs / 1_000_000n));
  };

  get paths(): string[] {
    return [...this.#times.keys()];
  }

  get text(): string {
    return [...this.#times].map(([path, time]) => `${path} ${time}`).join("\n");
  }
}

export class WatchedRefs extends Refs {
  readonly #place: WatchedPlace;
  #kept: {
    readonly snapshot: RefSnapshot;
    readonly folders: readonly string[];
    readonly at: Omit<Moment, "data">;
  } | null = null;

  constructor(path: string, run: GitRunner, place: WatchedPlace) {
    super(path, run);
    this.#place = place;
  }

  /**
   * The refs now, with those that move as they were before. The version is a digest of them, so that it is the same in all processes.
   * @throws {PoolBusy} if they do not keep still.
   */
  override async snapshot(): Promise<RefSnapshot> {
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      if (looks > 0) await new Promise<void>((resolve) => this.#place.clock.after(PAUSE_MS, resolve));
      const found = await this.#look().catch((error) => this.#unlessAFileWent(error));
      if (found !== null) return found;
    }
    throw new PoolBusy("the refs of the repository do not keep still");
  }

  /** @throws the error, unless a file went while the files were read and the repository is there. */
  #unlessAFileWent(error: NodeJS.ErrnoException): null {
    const isGone = error.code === "ENOENT" || error.code === "ENOTDIR";
    if (isGone && existsSync(join(this.path, "HEAD"))) return null;
    throw error;
  }

  override reload(): void {
    super.reload();
    this.#kept = null;
  }

  /** @returns `null`: they moved meanwhile */
  async #look(): Promise<RefSnapshot | null> {
    const { owner, identifier, writer, clock } = this.#place;
    const startedMs = clock.now();
    const dataNow = () => {
      const data = writer.look();
      const moves = movesUnderWay(writer.intents(), owner, identifier);
      return { data, moves, text: moves.length === 0 ? "" : JSON.stringify(moves) };
    };
    const first = dataNow();
    const kept = this.#kept;
    if (kept?.at.moves === first.text && (await isStill(kept.folders, kept.at.folders))) return kept.snapshot;

    const times = new FolderTimes();
    const files = await readRefs(this.path, this.run, times.add);
    const { paths: folders, changedMs } = times;
    const last = dataNow();
    const look = {
      before: { data: first.data, moves: first.text, folders: times.text },
      after: { data: last.data, moves: last.text, folders: await timesOf(folders) },
      ...{ startedMs, changedMs },
    };
    if (!isOfOneMoment(look)) return null;
    const refs = refsBefore(files, first.moves);
    const snapshot = { ...refs, version: versionOf(refs) };
    this.#kept = files.isPlain && isQuiet(look) ? { snapshot, folders, at: look.after } : null;
    return snapshot;
  }
}

/** Whether folders have the same times still. One that is gone has not. */
async function isStill(folders: readonly string[], times: string): Promise<boolean> {
  return (await timesOf(folders).catch(() => "")) === times;
}

async function timesOf(folders: readonly string[]): Promise<string> {
  const times = new FolderTimes();
  for (const folder of folders) await times.add(folder);
  return times.text;
}

/** A digest of refs: equal ones have equal answers. */
function versionOf({ refs, head }: Pick<RefSnapshot, "refs" | "head">): string {
  const hash = createHash("sha256").update(`${head}\n`);
  for (const [name, id] of [...refs].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${id} ${name}\n`);
  return hash.digest("base64url");
}
