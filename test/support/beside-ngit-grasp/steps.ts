/** How long both may need until they are equal, in milliseconds (V6). */
export const STEP_MS = 300_000;

/** A step that was reached. */
export interface Step {
  readonly step:
    | "from ours"
    | "from theirs"
    | "ours was away"
    | "theirs was away"
    | "negentropy of ours"
    | "negentropy of theirs";
  /** Time until both were equal. */
  readonly seconds?: number;
  /** Events that each serves: ours, theirs. */
  readonly events?: readonly [number, number];
  readonly missing?: readonly [number, number];
  /** Whether both show the same refs of each repository. */
  readonly refs?: readonly boolean[];
  /** Messages by type: `> NEG-OPEN` went to the relay. */
  readonly counts?: Readonly<Record<string, number>>;
}
