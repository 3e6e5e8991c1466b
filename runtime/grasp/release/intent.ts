/**
 * Moves of refs that survive a crash: the plan is on the disk before the first ref moves (N13, step 2).
 * @module
 */
import { type JsonObject, jsonCopy } from "../../lib/json.ts";
import type { Json } from "../../platform.ts";
import { ZERO_ID } from "../git/command-list.ts";
import type { GitRepository, RefUpdate } from "../ports.ts";
import { type Move, reversed } from "./alignment.ts";

/** A release under way: the entries that are served with it, and what moves. */
export interface ReleasePlan {
  /** Keys of purgatory's journal. */
  readonly entries: readonly string[];
  readonly moves: readonly Move[];
}

/** Identifiers whose maintainer sets changed, and that are looked at after the move: a crash before that only delays it (R36). */
export interface LookPlan {
  readonly identifiers: readonly string[];
}

export function lookPlan(identifiers: readonly string[]): Json {
  return { kind: "look", identifiers: [...identifiers] };
}

/** Reads a plan; `null`: it is of another kind. */
export function readLookPlan(plan: Json): LookPlan | null {
  return (plan as JsonObject).kind === "look" ? (plan as unknown as LookPlan) : null;
}

/** Opens a repository; `null`: there is none. */
export type Open = (owner: string, identifier: string) => GitRepository | null;

/** Git refused to move a ref, although nothing else writes here: a reason of the state's own (P38). */
export class RefsRefused extends Error {
  override readonly name = "RefsRefused";
}

export function releasePlan(plan: ReleasePlan): Json {
  return jsonCopy({ kind: "release", ...plan });
}

/** Reads a plan; `null`: it is of another kind. */
export function readReleasePlan(plan: Json): ReleasePlan | null {
  return (plan as JsonObject).kind === "release" ? (plan as unknown as ReleasePlan) : null;
}

/** Carries out moves (N13, step 3), and takes them back (N14). */
export class Moving {
  readonly #open: Open;
  /** What makes it as before, the last first. */
  readonly #back: (() => Promise<void>)[] = [];

  constructor(open: Open) {
    this.#open = open;
  }

  /** @throws {RefsRefused} if a ref does not move. */
  async run(moves: readonly Move[]): Promise<void> {
    for (const { owner, identifier, updates, head } of moves) {
      const repository = this.#open(owner, identifier);
      if (repository === null) throw new Error("the repository is gone");
      for (const list of updates) {
        if (list.length === 0) continue;
        // A transaction that is cut off may have moved a part.
        this.#back.unshift(() => takeBack(list, repository));
        if (await repository.updateRefs(list)) continue;
        this.#back.shift();
        throw new RefsRefused("a ref did not move");
      }
      if (head === null) continue;
      this.#back.unshift(() => repository.setHead(head.old));
      await repository.setHead(head.new);
    }
  }

  /** Makes refs and `HEAD` as they were. */
  async undo(): Promise<void> {
    for (const back of this.#back.splice(0)) await back();
  }
}

async function takeBack(updates: readonly RefUpdate[], repository: GitRepository): Promise<void> {
  const { refs } = await repository.refs();
  const moved = updates.filter(({ ref, new: to }) => (refs.get(ref) ?? ZERO_ID) === to);
  for (const one of reversed([moved])) if (one.length > 0) await repository.updateRefs(one);
}

/**
 * Does again what a crash may have left half done. A ref that is at its new value, or moved on, is skipped.
 */
export async function repeatMoves(moves: readonly Move[], open: Open): Promise<void> {
  for (const { owner, identifier, updates, head } of moves) {
    const repository = open(owner, identifier);
    if (repository === null) continue;
    for (const list of updates) {
      const { refs } = await repository.refs();
      const present = ({ ref, old }: RefUpdate) => (refs.get(ref) ?? ZERO_ID) === old;
      const open = list.filter(present);
      if (open.length > 0) await repository.updateRefs(open);
    }
    if (head !== null) await repository.setHead(head.new);
  }
}
