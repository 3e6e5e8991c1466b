/** What a server serves. */
export interface Served {
  /** Kind and id of each event, sorted. */
  readonly events: readonly string[];
  /** What `git ls-remote` shows, by repository. */
  readonly refs: Readonly<Record<string, string>>;
  /** Whether a clone of each repository is whole, by repository. */
  readonly clones: Readonly<Record<string, boolean>>;
}

/** What came of a move. */
export interface Moved {
  /** What the other server served. */
  readonly before: Served;
  /** What ours serves after the import, and after one more start. */
  readonly after: Served;
  readonly again: Served;
  /** Number of imported events by outcome. */
  readonly imported: Readonly<Record<string, number>>;
  /** Rows of `check --data`, and of `purgatory list`. */
  readonly checked: readonly unknown[];
  readonly waiting: readonly unknown[];
  /** Events that were published. */
  readonly sent: number;
  /** Paths of repositories that borrow objects from another folder. */
  readonly borrowing: readonly string[];
}
