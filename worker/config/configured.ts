/**
 * The configuration of a process: a file, and the environment.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { stripComments } from "jsonc-parser";
import { type Fault, fieldName } from "../../runtime/lib/schema.ts";
import { LOG_LEVELS } from "../../runtime/observe/log.ts";
import { ConfigError, type ConfigSection, type InspectedConfig, inspectConfig } from "./compose.ts";
import { variableOf } from "./environment.ts";
import { jsonFault } from "./json-fault.ts";
import { type RepeatedField, repeatedFields } from "./repeated-fields.ts";

/** The path of the configuration file, if there is one. */
export function configPath(option: string | undefined): string | undefined {
  return option ?? process.env.MILLRACE_CONFIG;
}

/**
 * Reads the configuration of a process, and finds every fault at once.
 * @param sections those of all services.
 * @param path of a file with JSON and comments; `undefined`: the environment alone.
 * @throws {ConfigError} if the file cannot be read.
 */
export async function readConfig(
  sections: readonly ConfigSection<unknown>[],
  path: string | undefined,
): Promise<InspectedConfig> {
  const { input, faults } = path === undefined ? { input: {}, faults: [] } : readFile(path);
  const isGiven = ({ name }: ConfigSection<unknown>) =>
    Object.hasOwn(Object(input), name) || isInEnvironment(name);
  // The list takes longer to load than the configuration to read.
  const isAsked = sections.some((section) => section.readsPublicSuffixes === true && isGiven(section));
  const { isPublicSuffix } = isAsked ? await import("../hosts/process/public-suffix.ts") : {};
  const found = inspectConfig(sections, input, {
    env: process.env,
    readFile: (file) => readFileSync(file, "utf8"),
    isPublicSuffix,
    isServed: true,
  });
  return { ...found, faults: [...faults, ...levelFaults(), ...found.faults] };
}

function isInEnvironment(section: string): boolean {
  const start = `${variableOf([section])}_`;
  return Object.keys(process.env).some((name) => name.startsWith(start));
}

function levelFaults(): Fault[] {
  const level = process.env.MILLRACE_LOG;
  if (level === undefined || LOG_LEVELS.some((known) => known === level)) return [];
  const expected = `one of ${LOG_LEVELS.join(", ")}`;
  return [{ field: "MILLRACE_LOG", found: JSON.stringify(level), expected }];
}

/** The content of a file, and the fields that it has twice. */
function readFile(path: string): { input: unknown; faults: Fault[] } {
  let text: string;
  try {
    // Some editors write a byte order mark.
    const whole = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
    // Spaces in place of comments, so that lines and columns stay.
    text = stripComments(whole, " ");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([{ field: path, found: "not readable", expected: `a JSON file (${reason})` }]);
  }
  const fault = jsonFault(text);
  if (fault === null)
    return { input: JSON.parse(text), faults: [...repeatedFields(text)].map(repetitionFault) };
  const { line, column, expected } = fault;
  throw new ConfigError([{ field: path, found: `not JSON at line ${line}, column ${column}`, expected }]);
}

function repetitionFault({ path, lines: [first, second] }: RepeatedField): Fault {
  const where = first === second ? `twice in line ${first}` : `in line ${first} and again in line ${second}`;
  return { field: fieldName(path), found: `given ${where}`, expected: "one value" };
}
