/**
 * What repositories had before changes that lost values: the way back (N21 to N24). No ref moves without a signed event.
 * @module
 */
import type { Core } from "./core.ts";
import type { UnsignedEvent } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import { isBranchOrTag } from "./git/ref-name.ts";
import type { Backup } from "./ports.ts";
import { expiredBackups } from "./release/backups.ts";

/** Earlier states that are listed, at most. */
const MAX_LISTED = 100;

/** One ref that a return would change. `null`: there is none. */
export interface RefChange {
  readonly ref: string;
  readonly present: string | null;
  readonly earlier: string | null;
}

/** What a repository had once. */
export interface EarlierState extends Backup {
  /** What a return to it would change. */
  readonly changes: readonly RefChange[];
  /** Whether all its objects are here, so that a return applies at once. */
  readonly isComplete: boolean;
}

export class Undo {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** What a repository had before changes that lost values, newest first; `null`: there is no repository. */
  async earlierStates(owner: string, identifier: string): Promise<EarlierState[] | null> {
    const { hosted, store } = this.#core;
    const repository = hosted.open(owner, identifier);
    if (repository === null) return null;
    const backups = store.backups(owner, identifier).slice(0, MAX_LISTED);
    const { refs } = await repository.refs();
    const missing = await repository.incomplete([
      ...new Set(backups.flatMap((backup) => backup.refs.map(([, id]) => id))),
    ]);
    return backups.map((backup) => ({
      ...backup,
      changes: changesTo(new Map(backup.refs), refs),
      isComplete: backup.refs.every(([, id]) => !missing.has(id)),
    }));
  }

  /**
   * The event that returns a repository to what it had: its owner, or a maintainer, signs and publishes it.
   * @param atMs names the earlier state.
   * @returns `null`: there is no earlier state of this time
   */
  returnTo(owner: string, identifier: string, atMs: number): UnsignedEvent | null {
    const { known, store, nowSeconds } = this.#core;
    const backup = store.backups(owner, identifier).find((one) => one.atMs === atMs);
    if (backup === undefined) return null;
    const set = known.sets(identifier).get(owner) ?? new Set([owner]);
    const states = known.states(identifier).filter(({ event }) => set.has(event.pubkey));
    const dates = [...states.map(({ event }) => event), ...known.ended(owner, identifier)].map(
      ({ created_at }) => created_at,
    );
    return earlierAgain(backup, owner, identifier, Math.max(nowSeconds(), ...dates.map((date) => date + 1)));
  }

  /** Deletes the backups of a repository whose time is over. Part of its maintenance. @returns how many went */
  endBackups(owner: string, identifier: string): Promise<number> {
    const { hosted, locks, nowMs } = this.#core;
    return locks.run(identifier, async () => {
      const repository = hosted.open(owner, identifier);
      if (repository === null) return 0;
      const { refs } = await repository.refs();
      const expired = expiredBackups(refs, nowMs());
      if (expired.length > 0 && !(await repository.updateRefs(expired)))
        throw new Error("backups could not be deleted");
      return expired.length;
    });
  }
}

/** The state that names what a repository had. */
export function earlierAgain(
  { refs, head }: Pick<Backup, "refs" | "head">,
  owner: string,
  identifier: string,
  createdAt: number,
): UnsignedEvent {
  const tags = [["d", identifier], ...refs.map(([ref, id]) => [ref, id])];
  if (refs.some(([ref]) => ref === head)) tags.push(["HEAD", `ref: ${head}`]);
  return { kind: KIND.state, pubkey: owner, created_at: createdAt, tags, content: "" };
}

/** The branches and tags that differ, in the order of names. */
export function changesTo(
  earlier: ReadonlyMap<string, string>,
  present: ReadonlyMap<string, string>,
): RefChange[] {
  const names = new Set([...earlier.keys(), ...[...present.keys()].filter(isBranchOrTag)]);
  return [...names]
    .sort()
    .map((ref) => ({ ref, present: present.get(ref) ?? null, earlier: earlier.get(ref) ?? null }))
    .filter((one) => one.present !== one.earlier);
}
