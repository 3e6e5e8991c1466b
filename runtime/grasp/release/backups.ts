/**
 * Undo: the old value of a branch or tag that is deleted, or moved to a value that is not a descendant, is kept for a while in a
 * hidden ref, `refs/millrace/backup/<milliseconds>/<name without refs/>` (N21, N24).
 * @module
 */
import { ZERO_ID } from "../git/command-list.ts";
import { isBranchOrTag } from "../git/ref-name.ts";
import type { Backup, GitRepository, RefSnapshot, RefUpdate } from "../ports.ts";
import type { RepositoryState } from "../state.ts";
import type { Move } from "./alignment.ts";

const PREFIX = "refs/millrace/backup/";
/** How long a backup is kept, in milliseconds. */
export const BACKUP_MS = 30 * 24 * 60 * 60_000;
/** Backups of one repository. The oldest go first. */
export const MAX_BACKUPS = 1000;

/** Whether a ref is a backup. */
export function isBackup(ref: string): boolean {
  return ref.startsWith(PREFIX);
}

/** When a backup was made, in milliseconds since the epoch; `null`: the ref is none. */
export function backupTime(ref: string): number | null {
  const time = isBackup(ref) ? /^(\d{1,15})\/./.exec(ref.slice(PREFIX.length))?.[1] : undefined;
  return time === undefined ? null : Number(time);
}

/** The backups of a repository, oldest first. */
function backupsIn(refs: ReadonlyMap<string, string>): { ref: string; id: string; atMs: number }[] {
  const found: { ref: string; id: string; atMs: number }[] = [];
  for (const [ref, id] of refs) {
    const atMs = backupTime(ref);
    if (atMs !== null) found.push({ ref, id, atMs });
  }
  return found.sort((a, b) => a.atMs - b.atMs);
}

/** The time of a new backup: later than that of each that is here, so that none takes another's place. */
export function nextBackupTime(refs: ReadonlyMap<string, string>, nowMs: number): number {
  return Math.max(Math.floor(nowMs), (backupsIn(refs).at(-1)?.atMs ?? 0) + 1);
}

/**
 * Adds to ref transactions what keeps the values that they lose: each backup is made in the transaction that loses its value, and
 * the oldest backups above the bound go in the first one.
 * @param lost names of refs.
 */
export function withBackups(
  updates: Move["updates"],
  lost: ReadonlySet<string>,
  refs: ReadonlyMap<string, string>,
  atMs: number,
): RefUpdate[][] {
  let room = MAX_BACKUPS;
  const kept = updates.map((list) => {
    const losing = list.filter(({ ref }) => lost.has(ref)).slice(0, room);
    room -= losing.length;
    const made = losing.map(({ ref, old }) => ({
      ref: `${PREFIX}${atMs}/${ref.slice("refs/".length)}`,
      old: ZERO_ID,
      new: old,
    }));
    return [...made, ...list];
  });
  const present = backupsIn(refs);
  const tooMany = present.slice(0, Math.max(0, present.length - room));
  return kept.map((list, index) => (index === 0 ? [...tooMany.map(deletion), ...list] : list));
}

/** The deletions of the backups whose time is over. */
export function expiredBackups(refs: ReadonlyMap<string, string>, nowMs: number): RefUpdate[] {
  return backupsIn(refs)
    .filter(({ atMs }) => atMs <= nowMs - BACKUP_MS)
    .map(deletion);
}

function deletion({ ref, id }: { ref: string; id: string }): RefUpdate {
  return { ref, old: id, new: ZERO_ID };
}

/** A move with the backups that it needs, and the record of what the repository had before; as it is, if nothing is lost. */
export async function keepingBackups(
  move: Pick<Move, "updates" | "head">,
  { refs, head }: Pick<RefSnapshot, "refs" | "head">,
  { event }: Pick<RepositoryState, "event">,
  repository: GitRepository,
  nowMs: number,
): Promise<Pick<Move, "updates" | "head" | "backup">> {
  const changed = move.updates.flat().filter(({ old }) => old !== ZERO_ID);
  const lost = changed.length === 0 ? [] : await repository.losing(changed);
  if (lost.length === 0) return { ...move, backup: null };
  const atMs = nextBackupTime(refs, nowMs);
  const backup: Backup = {
    atMs,
    cause: { id: event.id, author: event.pubkey },
    refs: [...refs].filter(([ref]) => isBranchOrTag(ref)).sort(([a], [b]) => (a < b ? -1 : 1)),
    head,
  };
  return {
    head: move.head,
    updates: withBackups(move.updates, new Set(lost.map(({ ref }) => ref)), refs, atMs),
    backup,
  };
}
