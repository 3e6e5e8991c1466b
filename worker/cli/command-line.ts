/**
 * The command line: finds the command, reads its options, and explains errors.
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { nearest } from "../../runtime/lib/nearest.ts";
import { ConfigError } from "../config/compose.ts";
import { StartError } from "../serve/start-error.ts";
import type { ServiceCommand, ServiceModule } from "../service.ts";
import { checkCommand } from "./check.ts";
import { type Operand, type Option, UsageError, type Values } from "./command.ts";
import { hash } from "./hash.ts";
import { initCommand } from "./init.ts";
import { keys } from "./keys.ts";
import { serveCommand } from "./serve.ts";
import { store } from "./store.ts";

type Commands = Readonly<Record<string, ServiceCommand>>;

const common: Record<string, Option> = {
  help: { summary: "show this" },
  version: { summary: "show the version" },
};

/**
 * Runs one command. The process ends with 0, with 1 if the command fails, with 2 if the command line is wrong.
 * @param services that can be served; they bring their own commands.
 */
export async function runCommandLine(
  services: readonly ServiceModule[],
  args: readonly string[],
): Promise<void> {
  const commands: Commands = {
    serve: serveCommand(services),
    check: checkCommand(services),
    init: initCommand(services),
    keys,
    hash,
    store,
    ...Object.assign({}, ...services.map(({ commands }) => commands)),
  };
  try {
    await main(services, commands, args);
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

async function main(
  services: readonly ServiceModule[],
  commands: Commands,
  args: readonly string[],
): Promise<void> {
  const { name, rest } = nameIn(commands, args);
  const isCommand = name !== undefined && !name.startsWith("-");
  const command = isCommand ? named(commands, name) : undefined;
  if (isCommand && command === undefined) {
    throw new UsageError(`there is no command "${name}"${didYouMean(name, Object.keys(commands))}`);
  }
  const options = { ...command?.options, ...common };
  const operands = Object.entries(command?.operands ?? {});
  const values = parse(isCommand ? rest : [name ?? "--help"].concat(rest), options, operands);
  if (values.help) process.stdout.write(helpFor(commands, name, command));
  else if (values.version) process.stdout.write(`${manifest.version}\n`);
  else if (command === undefined) throw new UsageError("name a command; millrace --help lists them");
  else {
    const missing = operands.find(([each, { isOptional }]) => !isOptional && values[each] === undefined);
    if (missing !== undefined) throw new UsageError(`name ${missing[1].value}: ${missing[1].summary}`);
    await command.run(values, services);
  }
}

/**
 * The command's name: one word, or two for a service's own command such as `grasp publish`. A first word that only begins
 * names takes the second word along, so that the suggestion sees both.
 */
function nameIn(commands: Commands, args: readonly string[]): { name: string | undefined; rest: string[] } {
  const [first, second] = args;
  const begins = first !== undefined && Object.keys(commands).some((name) => name.startsWith(`${first} `));
  const words = begins && second !== undefined && !second.startsWith("-") ? 2 : 1;
  return { name: words === 2 ? `${first} ${second}` : first, rest: args.slice(words) };
}

/** Reads options, and suggests the nearest for a misspelt one, which `parseArgs` in its strict mode and `citty` do not. */
function parse(
  args: string[],
  options: Record<string, Option>,
  operands: readonly (readonly [string, Operand])[],
): Values {
  const types = Object.fromEntries(
    Object.entries(options).map(([name, { value }]) => [
      name,
      { type: value ? "string" : "boolean" } as const,
    ]),
  );
  const { tokens } = parseArgs({ args, options: types, strict: false, allowPositionals: true, tokens: true });
  const values: Record<string, string | true> = {};
  const expected = operands.values();
  for (const token of tokens) {
    if (token.kind === "positional") {
      const operand = expected.next().value;
      if (operand === undefined)
        throw new UsageError(`"${token.value}" is not an option; options begin with --`);
      values[operand[0]] = token.value;
    }
    if (token.kind !== "option") continue;
    const option = named(options, token.name);
    if (option === undefined) {
      throw new UsageError(
        `there is no option ${token.rawName}${didYouMean(token.name, Object.keys(options), "--")}`,
      );
    }
    const wantsValue = option.value !== undefined;
    if (wantsValue && (token.value === undefined || token.value === "")) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${option.value}`);
    }
    if (!wantsValue && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
    values[token.name] = token.value ?? true;
  }
  return values;
}

/** The value of a name that came from outside; inherited properties do not count. */
function named<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function didYouMean(given: string, names: string[], prefix = ""): string {
  const near = nearest(given, names);
  return near === null
    ? `; there are: ${names.map((n) => prefix + n).join(", ")}`
    : `; did you mean ${prefix}${near}?`;
}

function helpFor(commands: Commands, name: string | undefined, command: ServiceCommand | undefined): string {
  if (command === undefined) {
    const list = rows(Object.entries(commands).map(([each, { summary }]) => [each, summary]));
    return `usage: millrace COMMAND [OPTIONS]\n\n${list}\nmillrace COMMAND --help tells more.\n`;
  }
  const options = { ...command.options, ...common };
  const operands = Object.values(command.operands ?? {});
  const list = rows([
    ...operands.map(({ value, summary }): [string, string] => [value, summary]),
    ...Object.entries(options).map(([each, { value, summary }]): [string, string] => [
      `--${each}${value ? ` ${value}` : ""}`,
      summary,
    ]),
  ]);
  const shown = operands.map(({ value, isOptional }) => (isOptional ? ` [${value}]` : ` ${value}`)).join("");
  return `usage: millrace ${name}${shown} [OPTIONS]\n\n${command.summary}\n\n${command.details}\n\n${list}`;
}

function rows(pairs: [string, string][]): string {
  const width = Math.max(...pairs.map(([left]) => left.length));
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}

/** The message for a person. An unexpected error has its stack if MILLRACE_LOG is debug. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return `millrace: ${String(error)}`;
  const isExpected = [ConfigError, StartError, UsageError].some((known) => error instanceof known);
  const text =
    !isExpected && process.env.MILLRACE_LOG === "debug" ? (error.stack ?? error.message) : error.message;
  return `millrace: ${text}`;
}
