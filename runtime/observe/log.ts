/**
 * The structured log: one JSON object per line. What a service calls secret, it brings as a {@link Redaction}.
 * @module
 */
import type { Clock, Log, LogFields } from "../platform.ts";
import type { Redaction } from "./redaction.ts";
import { idFields, NO_IDS } from "./trace-context.ts";

/** From the most to the least verbose; `silent` writes nothing. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** The least severe level that is written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Longer texts are cut, so that input cannot fill the log. */
const MAX_TEXT_LENGTH = 2000;

/** The value of a field that a redaction names. */
const REDACTED = "[redacted]";

export interface LogOptions {
  level: LogLevel;
  /** Writes one line, which has no line break. */
  write(line: string): void;
  /** The time of a line. */
  clock: Pick<Clock, "now">;
  /** What must not be logged. Default: nothing. */
  redact?: Redaction;
}

/**
 * A log that writes `{"time", "level", "message", ...fields}`. An error among the fields becomes its name, message and cause;
 * its stack is in debug lines only.
 */
export function createLog({ level, write, clock, redact = NO_REDACTION }: LogOptions): Log {
  const threshold = LOG_LEVELS.indexOf(level);
  const toLine = createFormatter(redact);
  const at =
    (severity: Exclude<LogLevel, "silent">) =>
    (message: string, fields?: LogFields): void => {
      if (LOG_LEVELS.indexOf(severity) < threshold) return;
      const head = { time: new Date(clock.now()).toISOString(), level: severity, message };
      // The head twice: it comes first, and no field of the same name replaces it.
      write(toLine({ ...head, ...fields, ...head }, severity === "debug"));
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

const NO_REDACTION: Redaction = { fields: [], patterns: [] };

/** Makes lines of records. */
function createFormatter({ fields, patterns }: Redaction) {
  const secretFields = new Set(fields);

  function toJson(record: Record<string, unknown>, withStacks: boolean): string {
    return JSON.stringify(record, (key: string, value: unknown): unknown => {
      if (secretFields.has(key)) return REDACTED;
      if (typeof value === "string") return clip(value);
      if (typeof value === "bigint") return String(value);
      if (value instanceof Error) {
        const { name, message, cause, stack } = value;
        return { name, message, ...(cause === undefined ? {} : { cause }), ...(withStacks ? { stack } : {}) };
      }
      return value;
    });
  }

  return (record: Record<string, unknown>, withStacks: boolean): string => {
    let line: string;
    try {
      line = toJson(record, withStacks);
    } catch {
      const { time, level, message } = record;
      line = JSON.stringify({ time, level, message, note: "the fields could not be written as JSON" });
    }
    for (const { pattern, replacement } of patterns) line = line.replace(pattern, replacement);
    return line.replace(UNSEEN, escaped);
  };
}

/** What JSON leaves as it is and a terminal acts on or shows as nothing: DEL, C1 controls, marks of direction, line separators. */
const UNSEEN = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function clip(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}

/** A log that writes a message once, and later how often it was repeated. */
export interface LogOnce {
  warn(key: string, message: string, fields?: LogFields): void;
  error(key: string, message: string, fields?: LogFields): void;
  /** Writes pending repetitions now. Call it before the process ends. */
  flush(): void;
}

/** A time in which a message is counted and not written. */
interface Window {
  repeats: number;
  endsMs: number;
  writeRepeats(): void;
  close(): void;
  cancel(): void;
}

/** Maximum number of windows. Further keys share one, so that keys made from input cannot exhaust memory. */
const MAX_KEYS = 1000;

/**
 * Keeps an outage from filling the log. The first line of a key is written at once; further lines within `windowMs` are
 * counted. If there were any, one line with `repeats` ends the window and starts the next.
 */
export function createLogOnce(log: Log, clock: Clock, windowMs: number): LogOnce {
  const windows = new Map<string, Window>();

  const at = (severity: "warn" | "error") => (givenKey: string, message: string, fields?: LogFields) => {
    const key = windows.has(givenKey) || windows.size < MAX_KEYS ? givenKey : "";
    const open = windows.get(key);
    if (open) {
      open.repeats++;
      // On some hosts a timer is cancelled when the request that set it ends.
      if (clock.now() >= open.endsMs) open.close();
      return;
    }
    log[severity](message, fields);
    const begin = (): void => {
      const window: Window = {
        repeats: 0,
        endsMs: clock.now() + windowMs,
        // Other requests repeated it.
        writeRepeats: () =>
          log[severity](message, { ...fields, ...idFields(NO_IDS), repeats: window.repeats, windowMs }),
        close() {
          window.cancel();
          windows.delete(key);
          if (window.repeats === 0) return;
          window.writeRepeats();
          begin();
        },
        cancel: clock.after(windowMs, () => window.close()),
      };
      windows.set(key, window);
    };
    begin();
  };

  return {
    warn: at("warn"),
    error: at("error"),
    flush() {
      for (const { repeats, writeRepeats, cancel } of windows.values()) {
        cancel();
        if (repeats > 0) writeRepeats();
      }
      windows.clear();
    },
  };
}
