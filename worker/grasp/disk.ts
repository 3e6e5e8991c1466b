/**
 * The disk: how much is free, how large repositories are, and what is refused for want of room (O24).
 * @module
 */
import { type Dirent, readdirSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Room, RoomFor } from "../../runtime/grasp/ports.ts";
import type { Clock } from "../../runtime/platform.ts";
import { ownerFolder, ownersBelow } from "./held.ts";

/** How long a look at the free space is used, in milliseconds. */
const FREE_MS = 5000;

/** Limits in bytes; they may change while the service runs. */
export interface DiskLimits {
  readonly minFreeBytes: number;
  readonly bytesPerAuthor: number;
  readonly bytesPerRepository: number;
}

export interface DiskParts {
  /** The folder of the repositories. */
  readonly git: string;
  readonly clock: Pick<Clock, "now">;
  limits(): DiskLimits;
  /** Free bytes of the disk on which a folder is. Default: the operating system's answer. */
  freeBytes?(folder: string): Promise<number>;
}

export class Disk implements Room {
  readonly #git: string;
  readonly #clock: Pick<Clock, "now">;
  readonly #limits: () => DiskLimits;
  readonly #freeBytes: (folder: string) => Promise<number>;
  /** Bytes of repositories, by the owner's folder and then by the repository's. */
  readonly #sizes = new Map<string, Map<string, number>>();
  /** Folders of owners who asked before all repositories were measured, and whose own are; `null`: all are measured. */
  #asked: Set<string> | null = new Set();
  #free: { readonly bytes: Promise<number>; readonly atMs: number } | null = null;

  constructor({ git, clock, limits, freeBytes = freeBytesOf }: DiskParts) {
    this.#git = git;
    this.#clock = clock;
    this.#limits = limits;
    this.#freeBytes = freeBytes;
  }

  /** Free bytes, as they were within the last seconds. */
  free(): Promise<number> {
    const nowMs = this.#clock.now();
    const ageMs = this.#free === null ? Number.POSITIVE_INFINITY : nowMs - this.#free.atMs;
    if (this.#free === null || ageMs < 0 || ageMs >= FREE_MS) {
      const bytes = this.#freeBytes(this.#git);
      this.#free = { bytes, atMs: nowMs };
      // A look that failed is not used again.
      bytes.catch(() => {
        this.#free = null;
      });
    }
    return this.#free.bytes;
  }

  async refusal(what: RoomFor, owner: string, identifier: string): Promise<string | null> {
    const { minFreeBytes, bytesPerAuthor, bytesPerRepository } = this.#limits();
    if ((await this.free()) < minFreeBytes) return "the server's disk is nearly full; try again later";
    const folderOfOwner = ownerFolder(owner);
    const folder = `${identifier}.git`;
    if (this.#asked?.has(folderOfOwner) === false) this.#measureOwner(folderOfOwner);
    const own = this.#sizes.get(folderOfOwner)?.get(folder) ?? 0;
    if (what !== "repository" && own >= bytesPerRepository) {
      return `the repository has reached its quota of ${bytesPerRepository} bytes`;
    }
    return this.bytesOf(folderOfOwner) >= bytesPerAuthor
      ? `the repositories of this author have reached their quota of ${bytesPerAuthor} bytes`
      : null;
  }

  /** Whether all packs of a repository can be written a second time, beside the first. */
  async hasRoomToPack(owner: string, identifier: string): Promise<boolean> {
    const bytes = this.bytesOfRepository(owner, identifier) ?? 0;
    return (await this.free()) - bytes >= this.#limits().minFreeBytes;
  }

  /** The bytes of one repository; `null`: it is not measured, or not there. */
  bytesOfRepository(owner: string, identifier: string): number | null {
    return this.#sizes.get(ownerFolder(owner))?.get(`${identifier}.git`) ?? null;
  }

  /** The bytes of an author's repositories. @param folder of the owner: an npub, or `prs/<hex key>` */
  bytesOf(folder: string): number {
    let sum = 0;
    for (const bytes of this.#sizes.get(folder)?.values() ?? []) sum += bytes;
    return sum;
  }

  /** Number and bytes of all repositories, and the sizes of the largest, descending. */
  totals(largest: number): {
    readonly count: number;
    readonly bytes: number;
    readonly largest: readonly number[];
  } {
    const sizes = [...this.#sizes.values()].flatMap((own) => [...own.values()]);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    return { count: sizes.length, bytes, largest: sizes.sort((a, b) => b - a).slice(0, largest) };
  }

  /** Measures every repository. Run in the background: before that, an author's are measured when their quota is asked for. */
  async measureAll(): Promise<void> {
    for (const owner of (await ownersBelow(this.#git)).map(ownerFolder)) {
      for (const folder of foldersIn(join(this.#git, owner))) {
        await nextTurn();
        this.#measure(owner, folder);
      }
    }
    this.#asked = null;
  }

  #measureOwner(folderOfOwner: string): void {
    this.#asked?.add(folderOfOwner);
    for (const folder of foldersIn(join(this.#git, folderOfOwner))) this.#measure(folderOfOwner, folder);
  }

  /** Measures one repository again: it was created, changed or deleted. */
  async measure(owner: string, identifier: string): Promise<void> {
    this.#measure(ownerFolder(owner), `${identifier}.git`);
  }

  #measure(npub: string, folder: string): void {
    const bytes = sizeOf(join(this.#git, npub, folder));
    const own = this.#sizes.get(npub) ?? new Map<string, number>();
    if (bytes === null) own.delete(folder);
    else own.set(folder, bytes);
    if (own.size === 0) this.#sizes.delete(npub);
    else this.#sizes.set(npub, own);
  }
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function foldersIn(path: string): string[] {
  return (entriesIn(path) ?? []).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** `null`: there is no such folder. */
function entriesIn(path: string): Dirent[] | null {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return null;
  }
}

/**
 * The bytes of all files below a folder; `null`: it is no folder. Symbolic links are not followed (T7). A repository has a few files:
 * the way of each question to a thread and back would take most of the processor time.
 */
function sizeOf(path: string): number | null {
  const entries = entriesIn(path);
  if (entries === null) return null;
  let bytes = 0;
  for (const entry of entries) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) bytes += sizeOf(child) ?? 0;
    else if (entry.isFile()) bytes += statSync(child, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
