/**
 * The refs of a repository as its files have them. The looks wait for no thread: most repositories have a few loose refs, a start reads
 * many repositories, and the way to a thread and back takes ten times as much processor time as the look.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { isRefName, readRefName } from "../../../runtime/grasp/git/ref-name.ts";
import type { GitRunner } from "./runner.ts";

const ID = /^[0-9a-f]{40}$/;

/** What the files of a repository say. */
export interface RefFiles {
  readonly refs: ReadonlyMap<string, string>;
  /** The branch that `HEAD` names; empty: it names none. */
  readonly head: string;
  /** Whether every file was as Git writes it for a plain ref; else Git read them. */
  readonly isPlain: boolean;
}

/**
 * Reads the refs and `HEAD` of a repository.
 * @param run Git, which reads what is not as it writes plain refs.
 * @param onFolder awaited before a folder is read: each change of a ref or of `HEAD` changes one of these folders. Default: nothing
 * @throws {Error} if the repository is gone, or a file goes while it is read.
 */
export async function readRefs(
  path: string,
  run: GitRunner,
  onFolder: OnFolder = async () => {},
): Promise<RefFiles> {
  await onFolder(path);
  const head = readFileSync(join(path, "HEAD"), "utf8");
  const branch = /^ref: *(\S.*?)\s*$/.exec(head)?.[1] ?? "";
  const plain = await refsInFiles(path, onFolder);
  return { refs: plain ?? (await refsByGit(run)), head: branch, isPlain: plain !== null };
}

type OnFolder = (path: string) => Promise<void>;

async function refsByGit(run: GitRunner): Promise<Map<string, string>> {
  const { code, stdout, stderr } = await run(["for-each-ref", "--format=%(objectname) %(refname)"]);
  if (code !== 0) throw new Error(`git for-each-ref ended with ${code}: ${stderr.slice(0, 500)}`);
  const refs = new Map<string, string>();
  addLines(refs, stdout);
  return refs;
}

/**
 * Reads refs from Git's files: packed ones, and loose ones, which are newer.
 * @returns `null` if a file is not as Git writes it for a plain ref; then Git has to read them
 */
async function refsInFiles(path: string, onFolder: OnFolder): Promise<Map<string, string> | null> {
  // Loose ones first, as Git does: a ref that is packed meanwhile is found in one of both.
  const loose = await looseRefs(path, onFolder);
  if (loose === null) return null;
  const refs = new Map<string, string>();
  addLines(refs, bytesIn(join(path, "packed-refs")));
  for (const [name, id] of loose) refs.set(name, id);
  return refs;
}

/** How many files are read before others have a turn. */
const FILES_A_TURN = 100;

async function looseRefs(path: string, onFolder: OnFolder): Promise<Map<string, string> | null> {
  const refs = new Map<string, string>();
  const pending = ["refs"];
  let files = 0;
  for (let above = pending.pop(); above !== undefined; above = pending.pop()) {
    await onFolder(join(path, above));
    for (const entry of readdirSync(join(path, above), { withFileTypes: true })) {
      const name = `${above}/${entry.name}`;
      // Bytes that are no UTF-8 are read as this.
      if (name.includes("\ufffd")) return null;
      // Git's own lock files, and names that are not served.
      if (!isRefName(name)) continue;
      if (entry.isDirectory()) {
        pending.push(name);
        continue;
      }
      if (++files % FILES_A_TURN === 0) await nextTurn();
      const text = entry.isFile() ? readFileSync(join(path, name), "latin1").trimEnd() : "";
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

/** Nothing, if there is no such file. */
function bytesIn(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}
