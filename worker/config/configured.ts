/**
 * The configuration of a process: a file, the environment, and the level of the log.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { type Fault, fieldName } from "../../runtime/lib/schema.ts";
import { LOG_LEVELS } from "../../runtime/observe/log.ts";
import { type Config, ConfigError, type ConfigInput, parseConfig } from "../ec/config.ts";
import { jsonFault } from "./json-fault.ts";
import { type RepeatedField, repeatedFields } from "./repeated-fields.ts";

/** Where the configuration file is, if there is one. */
export function configPath(option: string | undefined): string | undefined {
  return option ?? process.env.MILLRACE_CONFIG;
}

/** A configuration that has what a server of ours needs: a site to stand in front of. */
export type ServeConfig = Config & { publisher: { origin: string } };

/**
 * Reads the configuration that `millrace serve` runs with.
 * @param path of a JSON file; `undefined`: the environment alone.
 * @throws {ConfigError} naming every fault at once.
 */
export async function readConfig(path: string | undefined): Promise<ServeConfig> {
  const { isPublicSuffix } = await import("../hosts/process/public-suffix.ts");
  const { input, faults } = path === undefined ? { input: {}, faults: [] } : readJson(path);
  const level = process.env.MILLRACE_LOG;
  if (level !== undefined && !LOG_LEVELS.some((known) => known === level)) {
    const expected = `one of ${LOG_LEVELS.join(", ")}`;
    faults.push({ field: "MILLRACE_LOG", found: JSON.stringify(level), expected });
  }
  const origin =
    (input as Partial<ConfigInput> | null)?.publisher?.origin ?? process.env.MILLRACE_PUBLISHER_ORIGIN;
  if (origin === undefined || origin === null || origin === "") {
    const expected = "the site to stand in front of, such as http://127.0.0.1:9000";
    faults.push({ field: "publisher.origin", found: "missing", expected });
  }
  let config: Config | undefined;
  try {
    config = parseConfig(input, process.env, (file) => readFileSync(file, "utf8"), isPublicSuffix);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
  }
  if (config === undefined || faults.length > 0) throw new ConfigError(faults);
  return config as ServeConfig;
}

/** What a file holds, and the fields that stand in it twice. */
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
