/**
 * The refs of one repository, kept in memory: this process is the only one that moves them (O3).
 * @module
 */
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isRefName, readRefName } from "../../../runtime/grasp/git/ref-name.ts";
import type { RefSnapshot, RefUpdate } from "../../../runtime/grasp/ports.ts";
import { heal } from "./heal.ts";
import { NoAnswer } from "./process.ts";
import type { GitRunner } from "./runner.ts";

const ZERO = /^0{40}$/;
const ID = /^[0-9a-f]{40}$/;

/** Versions differ over all repositories and over a deletion and new creation of one (G34). */
let versions = 0;

export class Refs {
  readonly #path: string;
  readonly #run: GitRunner;
  #snapshot: RefSnapshot | null = null;
  /** What tag objects lead to, by their id; `null`: the object is no tag. It never changes. */
  #peeled = new Map<string, string | null>();
  /** Reads and changes of the files, one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string, run: GitRunner) {
    this.#path = path;
    this.#run = run;
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
      const ended = await this.#run(["update-ref", "--stdin", "-z"], input);
      if (ended.code === null) {
        // Its lock files would refuse every later move until the next start.
        await heal(this.#path);
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
      const lock = join(this.#path, "HEAD.lock");
      await writeFile(lock, `ref: ${branch}\n`, { flush: true });
      await rename(lock, join(this.#path, "HEAD"));
      this.#keep(refs, branch);
    });
  }

  /** What the tag objects among the refs lead to, by their id. At most one process, for tags that are new. */
  async peeled(): Promise<ReadonlyMap<string, string>> {
    const { refs } = await this.snapshot();
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
    const { code, stdout } = await this.#run(["cat-file", "--batch-check=%(objectname)"], input);
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
    const head = await readFile(join(this.#path, "HEAD"), "utf8");
    const branch = /^ref: *(\S.*?)\s*$/.exec(head)?.[1] ?? "";
    return this.#keep((await refsInFiles(this.#path)) ?? (await this.#refsByGit()), branch);
  }

  async #refsByGit(): Promise<Map<string, string>> {
    const { code, stdout, stderr } = await this.#run(["for-each-ref", "--format=%(objectname) %(refname)"]);
    if (code !== 0) throw new Error(`git for-each-ref ended with ${code}: ${stderr.slice(0, 500)}`);
    const refs = new Map<string, string>();
    addLines(refs, stdout);
    return refs;
  }
}

/**
 * Reads refs from Git's files: packed ones, and loose ones, which are newer.
 * @returns `null` if a file is not as Git writes it for a plain ref; then Git has to read them
 */
async function refsInFiles(path: string): Promise<Map<string, string> | null> {
  // Loose ones first, as Git does: a ref that is packed meanwhile is found in one of both.
  const loose = await looseRefs(path);
  if (loose === null) return null;
  const refs = new Map<string, string>();
  addLines(refs, await readFile(join(path, "packed-refs")).catch(emptyIfAbsent));
  for (const [name, id] of loose) refs.set(name, id);
  return refs;
}

async function looseRefs(path: string): Promise<Map<string, string> | null> {
  const refs = new Map<string, string>();
  const pending = ["refs"];
  for (let above = pending.pop(); above !== undefined; above = pending.pop()) {
    for (const entry of await readdir(join(path, above), { withFileTypes: true })) {
      const name = `${above}/${entry.name}`;
      // Bytes that are no UTF-8 are read as this.
      if (name.includes("\ufffd")) return null;
      // Git's own lock files, and names that are not served.
      if (!isRefName(name)) continue;
      if (entry.isDirectory()) {
        pending.push(name);
        continue;
      }
      const text = entry.isFile() ? (await readFile(join(path, name), "latin1")).trimEnd() : "";
      if (!ID.test(text)) return null;
      refs.set(name, text);
    }
  }
  return refs;
}

/** Adds lines of an id and a name. Comments and peeled values of `packed-refs` are neither. */
function addLines(refs: Map<string, string>, lines: Buffer): void {
  for (let at = 0; at < lines.length; ) {
    const next = lines.indexOf(0x0a, at);
    const end = next === -1 ? lines.length : next;
    const id = lines.toString("latin1", at, at + 40);
    const name = ID.test(id) ? readRefName(lines.subarray(at + 41, end)) : null;
    if (name !== null) refs.set(name, id);
    at = end + 1;
  }
}

function emptyIfAbsent(error: NodeJS.ErrnoException): Buffer {
  if (error.code === "ENOENT") return Buffer.alloc(0);
  throw error;
}
