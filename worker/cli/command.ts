import type { ConfigSection } from "../config/compose.ts";

/** One subcommand of the command line. */
export interface Command {
  /** One line for the list of commands. */
  summary: string;
  /** What more there is to say, for its own help. */
  details: string;
  options: Record<string, Option>;
  /** Does it. What is asked for goes to standard output. Throws what goes wrong. */
  /** @param sections of every service's configuration. */
  run(values: Values, sections: readonly ConfigSection<unknown>[]): Promise<void>;
}

/** An option; one with a `value` takes one, which the help calls by that name. */
export interface Option {
  value?: string;
  summary: string;
}

/** The options that were given: their text, or `true`. */
export type Values = Readonly<Record<string, string | true | undefined>>;

/** The command line is wrong; its message says how to mend it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The option that names the configuration file. */
export const configOption: Record<"config", Option> = {
  config: { value: "FILE", summary: "the configuration, a JSON file (default: $MILLRACE_CONFIG)" },
};

/** The text of an option that takes one. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return value === true ? undefined : value;
}
