/**
 * `millrace grasp backup`: a copy of the data directory of a running service (O20).
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join, resolve } from "node:path";
import { stdout } from "node:process";
import { DatabaseSync } from "node:sqlite";
import { type Command, configOption, textOf, UsageError } from "../../cli/command.ts";
import { StartError } from "../../serve/start-error.ts";
import { sectionOf } from "../section-of.ts";
import { checkDatabase } from "../start/database.ts";

/** How long the database may be locked by others, in milliseconds (O36). */
const BUSY_MS = 5000;
/** Folders of the data directory that are copied after the database. */
const FOLDERS = ["git", "unclaimed", "held"];
/** What is copied of a repository first: refs may name only objects that are copied later. Loose refs before packed ones. */
const REFS_FIRST = ["refs", "packed-refs", "HEAD"];
/** A repository that changes while it is copied is copied again. */
const MAX_TRIES = 5;

export const backup: Command = {
  summary: "copy the data of GRASP, also while it runs",
  details:
    "First the database, by SQLite, then the repositories; files that the folder has already are not copied again. To\n" +
    "restore, copy the folder back as the data directory and start: what a repository lacks is fetched, and what it has\n" +
    "more is set to the state that is served.",
  options: { ...configOption, to: { value: "DIR", summary: "the folder of the copy; made if it is absent" } },
  async run(values, sections) {
    const given = textOf(values, "to");
    if (given === undefined) throw new UsageError("name the folder of the copy with --to DIR");
    const section = await sectionOf(values, sections);
    const from = resolve(section.dataDirectory);
    const to = resolve(given);
    if (to === from || to.startsWith(`${from}/`))
      throw new UsageError("the copy must be outside the data directory");
    const { files, bytes } = await backUp(from, to);
    stdout.write(
      `${to} has the database and the repositories; ${files} files with ${bytes} bytes were copied\n`,
    );
  },
};

/** What was copied. */
export interface Copied {
  files: number;
  bytes: number;
}

/**
 * Copies a data directory.
 * @throws {StartError} if there is no database, the copy is damaged, or the folder holds something else.
 */
export async function backUp(from: string, to: string): Promise<Copied> {
  const database = join(from, "grasp.db");
  if (!existsSync(database)) throw new StartError(`${database} is absent: there is nothing to copy`);
  if (existsSync(to) && readdirSync(to).length > 0 && !existsSync(join(to, "grasp.db"))) {
    throw new StartError(`${to} has other files and no earlier copy; name another folder`);
  }
  await mkdir(to, { recursive: true, mode: 0o700 });
  await copyDatabase(database, join(to, "grasp.db"));
  const copied: Copied = { files: 1, bytes: (await stat(join(to, "grasp.db"))).size };
  const key = join(from, "relay.key");
  if (existsSync(key)) await copyFile(key, join(to, "relay.key"));
  for (const folder of FOLDERS) await mirror(join(from, folder), join(to, folder), copied);
  return copied;
}

/** A copy of one moment, which the running service does not notice. */
async function copyDatabase(from: string, to: string): Promise<void> {
  const fresh = `${to}.new`;
  await rm(fresh, { force: true });
  const database = new DatabaseSync(from);
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    database.prepare("VACUUM INTO ?").run(fresh);
  } finally {
    database.close();
  }
  checkDatabase(fresh);
  await rename(fresh, to);
}

/** Makes a folder equal to another one. Repositories are copied refs first. */
async function mirror(from: string, to: string, copied: Copied): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await mirrorOnce(from, to, copied);
    } catch (error) {
      const isGone = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isGone || tries === MAX_TRIES) throw error;
    }
  }
}

async function mirrorOnce(from: string, to: string, copied: Copied): Promise<void> {
  if (!existsSync(from)) return rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true, mode: 0o700 });
  const entries = (await readdir(from, { withFileTypes: true })).sort(
    (a, b) => order(a.name) - order(b.name),
  );
  for (const entry of entries) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await (isUnit(entry.name) ? mirror : mirrorOnce)(source, target, copied);
    else if (entry.isFile()) await copyChanged(source, target, copied);
  }
  const wanted = new Set(entries.map(({ name }) => name));
  for (const name of await readdir(to)) {
    if (!wanted.has(name)) await rm(join(to, name), { recursive: true, force: true });
  }
}

/** Whether a folder is tried again by itself: a repository, or a folder of repositories. */
function isUnit(name: string): boolean {
  return name.endsWith(".git") || name.startsWith("npub1") || name === "prs";
}

function order(name: string): number {
  const at = REFS_FIRST.indexOf(name);
  return at === -1 ? REFS_FIRST.length : at;
}

/** Copies a file, unless the copy has its size and time. */
async function copyChanged(from: string, to: string, copied: Copied): Promise<void> {
  const source = await stat(from);
  const target = await stat(to).catch(() => null);
  const isSame =
    target !== null && target.size === source.size && Math.abs(target.mtimeMs - source.mtimeMs) < 2;
  if (isSame) return;
  await copyFile(from, to);
  await utimes(to, source.atime, source.mtime);
  copied.files++;
  copied.bytes += source.size;
}
