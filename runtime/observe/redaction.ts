/** What a service must not log. The service brings it; the log applies it. */
export interface Redaction {
  /** Names of fields whose values are never logged, at any depth. */
  readonly fields: readonly string[];
  /** Texts that are replaced wherever a line contains them. */
  readonly patterns: readonly RedactedPattern[];
}

export interface RedactedPattern {
  /** A global regular expression, applied to the line as JSON. */
  readonly pattern: RegExp;
  /** What replaces a match, as for `String.replace`: `$1` is the first group. */
  readonly replacement: string;
}

/** One redaction that does what all of these do, for a log that several services share. */
export function mergeRedactions(redactions: readonly Redaction[]): Redaction {
  return {
    fields: redactions.flatMap(({ fields }) => fields),
    patterns: redactions.flatMap(({ patterns }) => patterns),
  };
}
