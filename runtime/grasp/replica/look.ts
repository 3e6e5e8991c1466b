/**
 * Whether files of refs that another process may change were read as they were at one moment. Pure decisions.
 * @module
 */

/** How long after its last change a folder counts as quiet, in milliseconds: times of files advance in steps of up to 10 ms. */
const QUIET_MS = 50;

/** The database or the folders at one moment. */
export interface Moment {
  /** Changes with every transaction of the writer. */
  readonly data: number;
  /** The moves of this repository that are under way, as text. */
  readonly moves: string;
  /** The folders' identities and times of change, as text. */
  readonly folders: string;
}

/** One reading of the files, between two moments. */
export interface Look {
  readonly before: Moment;
  readonly after: Moment;
  /** When it began, and when one of the folders last changed before, in milliseconds since the epoch by the host's clock. */
  readonly startedMs: number;
  readonly changedMs: number;
}

/**
 * Whether what was read, with the moves under way taken back, was true at one moment. It was if no transaction ended meanwhile:
 * refs move between the transactions that begin and end an intent. It was also if no folder changed, and none had changed so
 * shortly before that its time would be the same.
 */
export function isOfOneMoment(look: Look): boolean {
  const { before, after } = look;
  return before.moves === after.moves && (before.data === after.data || isQuiet(look));
}

/** Whether the same files need not be read again as long as their folders have the same times. */
export function isQuiet({ before, after, startedMs, changedMs }: Look): boolean {
  return before.folders === after.folders && startedMs - changedMs > QUIET_MS;
}
