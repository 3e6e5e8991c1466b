/**
 * The configuration of a process: a file, and the environment.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { type Fault, fieldName } from "../../runtime/lib/schema.ts";
import { LOG_LEVELS } from "../../runtime/observe/log.ts";
import { type ComposedConfig, ConfigError, type ConfigSection, composeConfig } from "./compose.ts";
import { jsonFault } from "./json-fault.ts";
import { type RepeatedField, repeatedFields } from "./repeated-fields.ts";

/** The path of the configuration file, if there is one. */
export function configPath(option: string | undefined): string | undefined {
  return option ?? process.env.MILLRACE_CONFIG;
}

/**
 * Reads the configuration of a process.
 * @param sections those of all services.
 * @param path of a JSON file; `undefined`: the environment alone.
 * @throws {ConfigError} naming every fault at once.
 */
export async function readConfig(
  sections: readonly ConfigSection<unknown>[],
  path: string | undefined,
): Promise<ComposedConfig> {
  const { isPublicSuffix } = await import("../hosts/process/public-suffix.ts");
  const { input, faults } = path === undefined ? { input: {}, faults: [] } : readJson(path);
  const level = process.env.MILLRACE_LOG;
  if (level !== undefined && !LOG_LEVELS.some((known) => known === level)) {
    const expected = `one of ${LOG_LEVELS.join(", ")}`;
    faults.push({ field: "MILLRACE_LOG", found: JSON.stringify(level), expected });
  }
  let config: ComposedConfig | undefined;
  try {
    const readFile = (file: string) => readFileSync(file, "utf8");
    config = composeConfig(sections, input, { env: process.env, readFile, isPublicSuffix, isServed: true });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
  }
  if (config === undefined || faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** The content of a file, and the fields that it has twice. */
function readJson(path: string): { input: unknown; faults: Fault[] } {
  let text: string;
  try {
    // An editor may have put a byte order mark there.
    text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
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
