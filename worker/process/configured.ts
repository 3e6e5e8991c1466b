/**
 * The configuration of a process: a file, the environment, and the level of the log.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { LOG_LEVELS } from "../../runtime/observe/log.ts";
import type { Fault } from "../../runtime/schema.ts";
import { type Config, ConfigError, type ConfigInput, parseConfig } from "../config.ts";
import { jsonFault } from "./json-fault.ts";

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
export function readConfig(path: string | undefined): ServeConfig {
  const input = path === undefined ? {} : readJson(path);
  const level = process.env.MILLRACE_LOG;
  const faults: Fault[] = [];
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
    config = parseConfig(input, process.env, (file) => readFileSync(file, "utf8"));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
  }
  if (config === undefined || faults.length > 0) throw new ConfigError(faults);
  return config as ServeConfig;
}

function readJson(path: string): unknown {
  let text: string;
  try {
    // An editor may have put a byte order mark there.
    text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([{ field: path, found: "not readable", expected: `a JSON file (${reason})` }]);
  }
  const fault = jsonFault(text);
  if (fault === null) return JSON.parse(text);
  const { line, column, expected } = fault;
  throw new ConfigError([{ field: path, found: `not JSON at line ${line}, column ${column}`, expected }]);
}
