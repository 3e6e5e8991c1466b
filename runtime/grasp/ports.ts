/**
 * The ports that GRASP needs beyond those of `runtime/platform.ts`. Hosts with processes and a disk supply them.
 * @module
 */

/** The refs of a repository at one moment. */
export interface RefSnapshot {
  /** Changes with every change of a ref or of `HEAD` (G34). */
  readonly version: string;
  /** Every ref with its object id, hidden ones too. */
  readonly refs: ReadonlyMap<string, string>;
  /** The branch that `HEAD` names, whether it exists or not. */
  readonly head: string;
}

/** One ref to be moved. 40 zeros stand for "no ref". */
export interface RefUpdate {
  readonly ref: string;
  readonly old: string;
  readonly new: string;
}

/** Bounds on a pack (A41). */
export interface PackBounds {
  /** Largest pack, in bytes. */
  readonly maxBytes: number;
  /** Largest number of objects. */
  readonly maxObjects: number;
}

/** What a pack is refused for. */
export type PackFault =
  | { readonly kind: "too_large" | "too_many_objects" | "broken" | "timeout" }
  /** Git's strict check found a fault: the object, and Git's name for it (A49). */
  | {
      readonly kind: "fsck";
      readonly findings: readonly { readonly object: string; readonly check: string }[];
    }
  /** An object that a tip needs is neither in the pack nor here (A9). */
  | { readonly kind: "missing_objects" }
  /** A branch's tip is no commit (A19). */
  | { readonly kind: "not_a_commit"; readonly id: string };

/** Objects that arrived and are not accepted yet. Its repository is its alternate. */
export interface Quarantine {
  /** Moves the objects into the repository (N26). The quarantine is gone afterwards. */
  adopt(): Promise<void>;
  /** Deletes the objects. Does nothing after {@link Quarantine.adopt}. */
  discard(): Promise<void>;
}

/** One bare repository. */
export interface GitRepository {
  refs(): Promise<RefSnapshot>;
  /**
   * Receives a pack into a quarantine (A35, steps 2 and 3): checks it strictly, and that the tips are connected.
   * @param pack its bytes; no bytes, or a pack without objects, makes an empty quarantine (A9).
   * @param tips object ids that refs shall have afterwards; those of branches must be commits.
   */
  receive(
    pack: AsyncIterable<Uint8Array>,
    tips: readonly { readonly id: string; readonly isBranch: boolean }[],
    bounds: PackBounds,
  ): Promise<{ quarantine: Quarantine } | { fault: PackFault }>;
  /** Those of these object ids that are not here with all that they need (P10). */
  incomplete(ids: readonly string[]): Promise<Set<string>>;
  /**
   * Moves refs in one transaction with expected old values.
   * @returns `false` if a ref has another value than expected. Nothing has moved then.
   */
  updateRefs(updates: readonly RefUpdate[]): Promise<boolean>;
  /** Lets `HEAD` name a branch, which need not exist (G22). */
  setHead(branch: string): Promise<void>;
}
