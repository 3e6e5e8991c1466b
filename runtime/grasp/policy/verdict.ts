/**
 * What the policy answers to an event (R14).
 * @module
 */

/** Why an event is refused: the machine-readable prefix of NIP-01. */
export type RefusalPrefix = "invalid" | "blocked" | "restricted" | "rate-limited" | "auth-required" | "error";

/** The policy's answer. */
export type Verdict =
  /** Served at once, if the store takes it. `note` goes into the `OK`. `steps`: how it belongs here (R51); default 0. */
  | { readonly kind: "serve"; readonly note?: string; readonly steps?: number }
  /** Waits in purgatory. */
  | { readonly kind: "wait" }
  /** Known, or older than what is known; nothing changes. */
  | { readonly kind: "duplicate"; readonly text: string }
  /** It takes an announcement back: the repository is not listed any more (R35). */
  | { readonly kind: "delist"; readonly text: string }
  | {
      readonly kind: "refuse";
      readonly prefix: RefusalPrefix;
      readonly text: string;
      /** A change of the maintainer sets could let it in (N12). Default: no. */
      readonly mayTurn?: boolean;
    };

/** The text of an `OK` for what waits (R14). */
export const PURGATORY = "purgatory: won't be served until git data arrives";

export function refuse(prefix: RefusalPrefix, text: string): Verdict {
  return { kind: "refuse", prefix, text };
}

/** Refuses what a change of the maintainer sets could let in (N12). */
export function refuseForNow(prefix: RefusalPrefix, text: string): Verdict {
  return { kind: "refuse", prefix, text, mayTurn: true };
}
