/**
 * The refs of one repository, kept in memory: this process is the only one that moves them (O3).
 * @module
 */
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RefSnapshot, RefUpdate } from "../../../runtime/grasp/ports.ts";
import { heal } from "./heal.ts";
import { NoAnswer } from "./process.ts";
import { readRefs } from "./refs-files.ts";
import type { GitRunner } from "./runner.ts";

const ZERO = /^0{40}$/;
const ID = /^[0-9a-f]{40}$/;

/** Versions differ over all repositories and over a deletion and new creation of one (G34). */
let versions = 0;

export class Refs {
  protected readonly path: string;
  protected readonly run: GitRunner;
  #snapshot: RefSnapshot | null = null;
  /** What tag objects lead to, by their id; `null`: the object is no tag. It never changes. */
  #peeled = new Map<string, string | null>();
  /** Reads and changes of the files, one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string, run: GitRunner) {
    this.path = path;
    this.run = run;
  }

  /** The refs now. Reads the disk at the first call only. */
  async snapshot(): Promise<RefSnapshot> {
    return this.#snapshot ?? this.exclusive(() => this.#loaded());
  }

  /** Runs work that changes the files of refs without changing refs, such as packing them. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Forgets what is in memory. For repositories that somebody else may have changed. */
  reload(): void {
    this.#snapshot = null;
  }

  /**
   * Moves refs in one transaction.
   * @returns `false` if a ref has another value than expected; nothing has moved then
   * @throws {NoAnswer} if Git was killed: each of them may have moved, or not
   */
  move(updates: readonly RefUpdate[]): Promise<boolean> {
    if (updates.length === 0) return Promise.resolve(true);
    return this.exclusive(async () => {
      const { refs, head } = await this.#loaded();
      // Until Git has ended well, nothing is known.
      this.#snapshot = null;
      const input = updates.map(({ ref, old, new: to }) => `update ${ref}\0${to}\0${old}\0`).join("");
      const ended = await this.run(["update-ref", "--stdin", "-z"], input);
      if (ended.code === null) {
        // Its lock files would refuse every later move until the next start.
        heal(this.path);
        throw new NoAnswer("update-ref", ended);
      }
      if (ended.code !== 0) return false;
      const moved = new Map(refs);
      for (const { ref, new: to } of updates) {
        if (ZERO.test(to)) moved.delete(ref);
        else moved.set(ref, to);
      }
      this.#keep(moved, head);
      return true;
    });
  }

  /** Lets `HEAD` name a branch (G22), as `git symbolic-ref` does, without a process. */
  setHead(branch: string): Promise<void> {
    return this.exclusive(async () => {
      const { refs } = await this.#loaded();
      this.#snapshot = null;
      const lock = join(this.path, "HEAD.lock");
      await writeFile(lock, `ref: ${branch}\n`, { flush: true });
      await rename(lock, join(this.path, "HEAD"));
      this.#keep(refs, branch);
    });
  }

  /** What the tag objects among these refs lead to, by their id. At most one process, for tags that are new. */
  async peeled({ refs }: Pick<RefSnapshot, "refs">): Promise<ReadonlyMap<string, string>> {
    const ids = new Set<string>();
    for (const [name, id] of refs) if (!name.startsWith("refs/heads/")) ids.add(id);
    const unknown = [...ids].filter((id) => !this.#peeled.has(id));
    if (unknown.length > 0) await this.#peel(unknown);
    const peeled = new Map<string, string>();
    for (const id of ids) {
      const to = this.#peeled.get(id);
      if (to != null) peeled.set(id, to);
    }
    return peeled;
  }

  async #peel(ids: readonly string[]): Promise<void> {
    const input = ids.map((id) => `${id}^{}\n`).join("");
    const { code, stdout } = await this.run(["cat-file", "--batch-check=%(objectname)"], input);
    if (code !== 0) throw new Error(`git cat-file ended with ${code}`);
    const lines = stdout.toString("latin1").split("\n");
    for (const [index, id] of ids.entries()) {
      const to = lines[index] ?? "";
      this.#peeled.set(id, ID.test(to) && to !== id ? to : null);
    }
  }

  #keep(refs: ReadonlyMap<string, string>, head: string): RefSnapshot {
    this.#snapshot = { version: String(++versions), refs, head };
    return this.#snapshot;
  }

  async #loaded(): Promise<RefSnapshot> {
    if (this.#snapshot !== null) return this.#snapshot;
    const { refs, head } = await readRefs(this.path, this.run);
    return this.#keep(refs, head);
  }
}
