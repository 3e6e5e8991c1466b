/**
 * The structured log: one JSON object a line.
 * @module
 */
import type { Clock, Log, LogFields } from "../platform.ts";

/** From the most talkative to none at all. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** The least severe level that is written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Longer texts are cut: what a stranger sent must not fill the log. */
const MAX_TEXT_LENGTH = 2000;

/** EC ids and 64-digit hashes, wherever in a line they stand: a log carries their first 8 characters only. */
const IDENTITY = /([0-9a-fA-F]{8})[0-9a-fA-F]{56}(?:\.[0-9A-Za-z]{6})?(?![0-9A-Za-z])/g;

/** What {@link createLog} needs. */
export interface LogOptions {
  level: LogLevel;
  /** Takes one line, without its line end. */
  write(line: string): void;
  clock: Pick<Clock, "now">;
}

/**
 * A log that writes `{"time", "level", "message", ...fields}`. Errors among the fields become their name and message,
 * and their stack only in debug lines; whole EC ids and hashes are shortened wherever they appear.
 */
export function createLog({ level, write, clock }: LogOptions): Log {
  const threshold = LOG_LEVELS.indexOf(level);
  const at =
    (severity: Exclude<LogLevel, "silent">) =>
    (message: string, fields?: LogFields): void => {
      if (LOG_LEVELS.indexOf(severity) < threshold) return;
      const head = { time: new Date(clock.now()).toISOString(), level: severity, message };
      // Twice, so that the head comes first and no field of the same name replaces it.
      write(toLine({ ...head, ...fields, ...head }, severity === "debug"));
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function toLine(record: Record<string, unknown>, withStacks: boolean): string {
  const plain = (_key: string, value: unknown): unknown => {
    if (typeof value === "string") return clip(value);
    if (typeof value === "bigint") return String(value);
    if (value instanceof Error) {
      const { name, message, cause, stack } = value;
      return { name, message, ...(cause === undefined ? {} : { cause }), ...(withStacks ? { stack } : {}) };
    }
    return value;
  };
  let line: string;
  try {
    line = JSON.stringify(record, plain);
  } catch {
    const { time, level, message } = record;
    line = JSON.stringify({ time, level, message, note: "the fields could not be written as JSON" });
  }
  return line.replace(IDENTITY, "$1…");
}

function clip(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}

/** Says a thing once, and later how often it happened again. */
export interface LogOnce {
  warn(key: string, message: string, fields?: LogFields): void;
  error(key: string, message: string, fields?: LogFields): void;
  /** Says now what is still untold. For the end of a process. */
  flush(): void;
}

/** The time in which a fault is only counted. */
interface Window {
  repeats: number;
  endsMs: number;
  tell(): void;
  close(): void;
  cancel(): void;
}

/** More keys than this share one window, so that keys made from input cannot take the memory. */
const MAX_KEYS = 1000;

/**
 * Keeps an outage from filling the log. The first line under a key is written at once; those that follow within
 * `windowMs` are only counted. If there were any, one line with `repeats` closes the window and opens the next.
 */
export function createLogOnce(log: Log, clock: Clock, windowMs: number): LogOnce {
  const windows = new Map<string, Window>();

  const at = (severity: "warn" | "error") => (wanted: string, message: string, fields?: LogFields) => {
    const key = windows.has(wanted) || windows.size < MAX_KEYS ? wanted : "";
    const open = windows.get(key);
    if (open) {
      open.repeats++;
      // On some hosts a timer ends with the request that set it.
      if (clock.now() >= open.endsMs) open.close();
      return;
    }
    log[severity](message, fields);
    const begin = (): void => {
      const window: Window = {
        repeats: 0,
        endsMs: clock.now() + windowMs,
        tell: () => log[severity](message, { ...fields, repeats: window.repeats, windowMs }),
        close() {
          window.cancel();
          windows.delete(key);
          if (window.repeats === 0) return;
          window.tell();
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
      for (const { repeats, tell, cancel } of windows.values()) {
        cancel();
        if (repeats > 0) tell();
      }
      windows.clear();
    },
  };
}
