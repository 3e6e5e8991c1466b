/**
 * Finds and installs tools of others that read the API's description: two validators, a generator of typed clients, and
 * schemathesis, which sends random requests. They come from npm and PyPI into the cache of this machine, outside of the project.
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { python } from "../test/support/programs.ts";

const lists = fileURLToPath(new URL("openapi-tools/", import.meta.url));
const LISTS = ["package.json", "package-lock.json", "requirements.txt"];
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "millrace");
const INSTALL_TIMEOUT_MS = 300_000;

/** The files to run. */
export interface OpenApiTools {
  /** Run by Node. */
  readonly redocly: string;
  /** Run by Node. */
  readonly openapiTypescript: string;
  readonly schemathesis: string;
  /** The Python that has `openapi_spec_validator`. */
  readonly python: string;
}

/** A folder for each set of versions: another checkout may have another set. */
function folderOfTools(): string {
  const hash = createHash("sha256");
  for (const list of LISTS) hash.update(readFileSync(join(lists, list)));
  return join(cache, `openapi-tools-${hash.digest("hex").slice(0, 12)}`);
}

/** Finds the tools. @returns `null` if they are not on this machine. */
export function findOpenApiTools(): OpenApiTools | null {
  const folder = folderOfTools();
  if (!existsSync(join(folder, "complete"))) return null;
  const inFolder = (path: string) => join(folder, path);
  return {
    redocly: inFolder("node_modules/@redocly/cli/bin/cli.js"),
    openapiTypescript: inFolder("node_modules/openapi-typescript/bin/cli.js"),
    schemathesis: inFolder("python/bin/schemathesis"),
    python: inFolder("python/bin/python"),
  };
}

const say = (text: string) => process.stderr.write(`millrace: ${text}\n`);

/** Installs the tools if they are missing. @returns whether they are installed now. */
export function installOpenApiTools(): boolean {
  if (findOpenApiTools() !== null) return true;
  const folder = folderOfTools();
  say("installing the tools that read the API's description (once; this takes a moment)");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const list of LISTS) copyFileSync(join(lists, list), join(folder, list));
  const venv = join(folder, "python");
  const npm = process.env.npm_execpath;
  const npmCommand = npm ? [process.execPath, npm] : ["npm"];
  const steps = [
    [...npmCommand, "install", "--no-audit", "--no-fund", "--loglevel=error"],
    [python.find() ?? "python3", "-m", "venv", venv],
    [
      join(venv, "bin/python"),
      "-m",
      "pip",
      "install",
      "-q",
      "--disable-pip-version-check",
      "-r",
      "requirements.txt",
    ],
  ];
  const failed = steps.find(([command, ...args]) => {
    const options = { cwd: folder, timeout: INSTALL_TIMEOUT_MS, stdio: ["ignore", 2, 2] as const };
    return spawnSync(command!, args, { ...options, stdio: [...options.stdio] }).status !== 0;
  });
  if (failed === undefined) {
    writeFileSync(join(folder, "complete"), "");
    return true;
  }
  say("left out: the tests with tools that read the API's description; this failed (see above):");
  say(`  ${failed.join(" ")}`);
  return false;
}
