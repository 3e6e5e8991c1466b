import type { ConfigSection } from "../config/compose.ts";

/** One subcommand of the command line. */
export interface Command {
  /** One line for the list of commands, in lower case and without a full stop. */
  summary: string;
  /** The rest of the command's own help. */
  details: string;
  options: Record<string, Option>;
  /** What is given without a name, in order. Default: nothing. Their values are among the options', by name. */
  operands?: Readonly<Record<string, Operand>>;
  /**
   * Runs the command. Writes its result to standard output.
   * @param sections of every service's configuration.
   * @throws {UsageError} if an option is missing or wrong; other errors end the process with 1.
   */
  run(values: Values, sections: readonly ConfigSection<unknown>[]): Promise<void>;
}

/** An option. If it takes a value, `value` is the value's name in the help. */
export interface Option {
  value?: string;
  summary: string;
}

/** An operand. `value` is its name in the help. */
export interface Operand {
  value: string;
  summary: string;
  /** Whether it may be left out. Default: it may not. */
  isOptional?: boolean;
}

/** The given options and operands: their value, or `true` for those that take none. */
export type Values = Readonly<Record<string, string | true | undefined>>;

/** A wrong command line. Its message says what is right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The option that names the configuration file. */
export const configOption: Record<"config", Option> = {
  config: {
    value: "FILE",
    summary: "the configuration file, JSON with comments (default: $MILLRACE_CONFIG)",
  },
};

/** The option that sets the number of processes. */
export const workersOption: Record<"workers", Option> = {
  workers: {
    value: "N",
    summary: "serve with N processes on one port, 1 to 256 (default: one process, without a parent)",
  },
};

/** The number of processes in the options; `undefined`: the option is not there. @throws {UsageError} if it is none. */
export function workersIn(values: Values): number | undefined {
  const text = textOf(values, "workers");
  if (text === undefined) return undefined;
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MOST_WORKERS) {
    throw new UsageError(`--workers needs a number from 1 to ${MOST_WORKERS}, received ${text}`);
  }
  return count;
}

const MOST_WORKERS = 256;

/** The value of an option that takes one. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return value === true ? undefined : value;
}
