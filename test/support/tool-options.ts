/**
 * The command lines of the tools behind `npm run`: usage, defaults, and messages for mistakes.
 * @module
 */
import process from "node:process";
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

/** A number with a default, one of several words, or a switch. */
export type ToolOption = { readonly summary: string } & (
  | { readonly default: number; readonly min?: number }
  | { readonly choices: readonly [string, ...string[]] }
  | { readonly switch: true }
);

/** A tool and what it accepts. */
export interface Tool<Options extends Readonly<Record<string, ToolOption>>> {
  /** The name after `npm run`. */
  readonly name: string;
  readonly summary: string;
  readonly options?: Options;
  /** Names that may follow, such as benches. */
  readonly names?: {
    readonly placeholder: string;
    readonly summary: string;
    readonly all: readonly string[];
  };
}

/** The values of the options, by name. */
export type ToolValues<Options> = {
  readonly [Name in keyof Options]: Options[Name] extends { default: number }
    ? number
    : Options[Name] extends { choices: readonly (infer Choice)[] }
      ? Choice
      : boolean;
};

/** The switch of the tools that can update the documentation. */
export const WRITE = {
  switch: true,
  summary: "write the results to README.md and docs/ (default: only to test/results/)",
} as const;

/**
 * Reads the arguments of this process. With `--help` it prints the usage and ends the process with 0; with an unknown
 * argument or an invalid value it prints a message and ends the process with 2.
 */
export function readToolOptions<const Options extends Readonly<Record<string, ToolOption>>>(
  tool: Tool<Options>,
): { values: ToolValues<Options>; names: string[] } {
  try {
    const parsed = parseToolOptions(tool, process.argv.slice(2));
    if (parsed !== null) return parsed;
    process.stdout.write(usageOf(tool));
    process.exit(0);
  } catch (error) {
    console.error(`${tool.name}: ${(error as Error).message}`);
    process.exit(2);
  }
}

/**
 * Reads arguments.
 * @returns `null` if they ask for the usage.
 * @throws {Error} if an argument is unknown or a value is invalid.
 */
export function parseToolOptions<const Options extends Readonly<Record<string, ToolOption>>>(
  tool: Tool<Options>,
  args: readonly string[],
): { values: ToolValues<Options>; names: string[] } | null {
  const options: Readonly<Record<string, ToolOption>> = tool.options ?? {};
  const types: ParseArgsOptionsConfig = { help: { type: "boolean" } };
  for (const [name, option] of Object.entries(options)) {
    types[name] = { type: "switch" in option ? "boolean" : "string" };
  }
  const parsed = parseArgs({ args: [...args], options: types, allowPositionals: true });
  const { positionals } = parsed;
  const given: Readonly<Record<string, unknown>> = parsed.values;
  if (given.help === true) return null;
  const unknown = positionals.filter((name) => !(tool.names?.all ?? []).includes(name));
  if (unknown.length > 0) {
    const known = tool.names === undefined ? "it takes no names" : `known: ${tool.names.all.join(", ")}`;
    throw new Error(`Unknown argument ${unknown.join(", ")}; ${known}`);
  }
  const values = Object.entries(options).map(([name, option]) => [
    name,
    readValue(name, option, given[name]),
  ]);
  return { values: Object.fromEntries(values), names: positionals };
}

function readValue(name: string, option: ToolOption, given: unknown): number | string | boolean {
  if ("switch" in option) return given === true;
  if ("choices" in option) {
    const value = String(given ?? option.choices[0]);
    if (option.choices.includes(value)) return value;
    throw new Error(`--${name} must be one of ${option.choices.join(", ")}, received "${value}"`);
  }
  const value = Number(given ?? option.default);
  if (value > 0 && value >= (option.min ?? 0)) return value;
  const range = option.min === undefined ? "above 0" : `from ${option.min}`;
  throw new Error(`--${name} must be a number ${range}, received "${given}"`);
}

/** The usage of a tool. */
export function usageOf({ name, summary, options = {}, names }: Tool<Record<string, ToolOption>>): string {
  const rows = Object.entries(options).map(([option, { summary: text, ...rest }]): [string, string] => {
    if ("switch" in rest) return [`--${option}`, text];
    if ("choices" in rest)
      return [`--${option} ${rest.choices.join("|")}`, `${text} (default: ${rest.choices[0]})`];
    return [`--${option} N`, `${text} (default: ${rest.default})`];
  });
  if (names !== undefined) rows.unshift([names.placeholder, `${names.summary}: ${names.all.join(", ")}`]);
  rows.push(["--help", "print this text"]);
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`);
  const positional = names === undefined ? "" : ` [${names.placeholder}...]`;
  return `usage: npm run ${name} --${positional} [OPTIONS]\n\n${summary}\n\n${lines.join("")}`;
}
