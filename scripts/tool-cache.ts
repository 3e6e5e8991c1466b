/**
 * Installs tools of others into the cache of this machine, outside of the project.
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const INSTALL_TIMEOUT_MS = 300_000;

/** The folder in which this machine keeps the tools, one folder for each. */
export const toolCache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "millrace");

/** Writes a line of the set-up to standard error. */
export const say = (text: string) => process.stderr.write(`millrace: ${text}\n`);

/** The command line of npm: the npm that runs this script, if one does. */
export const npmCommand: readonly string[] = process.env.npm_execpath
  ? [process.execPath, process.env.npm_execpath]
  : ["npm"];

/** Tools whose versions are in lists of the project: a `package.json` with its lockfile, or `requirements.txt`. */
export interface ToolSet {
  /** Beginning of the folder's name in the cache. */
  readonly name: string;
  /** The folder with the lists. */
  readonly lists: string;
  /** The lists' file names. */
  readonly files: readonly string[];
  /** What the set-up says it installs. */
  readonly what: string;
  /** The tests that need the tools. */
  readonly usedFor: string;
}

/** A folder for each set of versions: another checkout may have another set. */
function folderOf({ name, lists, files }: ToolSet): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(join(lists, file)));
  return join(toolCache, `${name}-${hash.digest("hex").slice(0, 12)}`);
}

/** Finds tools. @returns their folder; `null` if they are not on this machine, or only partly. */
export function findTools(set: ToolSet): string | null {
  const folder = folderOf(set);
  return existsSync(join(folder, "complete")) ? folder : null;
}

/**
 * Installs tools if they are missing.
 * @param stepsIn the commands to run in the folder, in which the lists are then.
 * @returns whether the tools are installed now.
 */
export function installTools(set: ToolSet, stepsIn: (folder: string) => (readonly string[])[]): boolean {
  if (findTools(set) !== null) return true;
  const folder = folderOf(set);
  say(`installing ${set.what} (once; this takes a moment)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of set.files) copyFileSync(join(set.lists, file), join(folder, file));
  const failed = stepsIn(folder).find(([command, ...args]) => {
    const done = spawnSync(command!, args, {
      cwd: folder,
      timeout: INSTALL_TIMEOUT_MS,
      stdio: ["ignore", 2, 2],
    });
    return done.status !== 0;
  });
  if (failed === undefined) {
    writeFileSync(join(folder, "complete"), "");
    return true;
  }
  say(`left out: ${set.usedFor}; this failed (see above):`);
  say(`  ${failed.join(" ")}`);
  return false;
}
