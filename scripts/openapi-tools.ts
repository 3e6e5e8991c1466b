/**
 * Finds and installs tools of others that read the API's description: two validators, a generator of typed clients, and
 * schemathesis, which sends random requests.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { python } from "../test/support/programs.ts";
import { findTools, installTools, npmCommand, type ToolSet } from "./tool-cache.ts";

const openApiTools: ToolSet = {
  name: "openapi-tools",
  lists: fileURLToPath(new URL("openapi-tools/", import.meta.url)),
  files: ["package.json", "package-lock.json", "requirements.txt"],
  what: "the tools that read the API's description",
  usedFor: "the tests with tools that read the API's description",
};

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

/** Finds the tools. @returns `null` if they are not on this machine. */
export function findOpenApiTools(): OpenApiTools | null {
  const folder = findTools(openApiTools);
  if (folder === null) return null;
  const inFolder = (path: string) => join(folder, path);
  return {
    redocly: inFolder("node_modules/@redocly/cli/bin/cli.js"),
    openapiTypescript: inFolder("node_modules/openapi-typescript/bin/cli.js"),
    schemathesis: inFolder("python/bin/schemathesis"),
    python: inFolder("python/bin/python"),
  };
}

/** Installs the tools if they are missing. @returns whether they are installed now. */
export function installOpenApiTools(): boolean {
  return installTools(openApiTools, (folder) => {
    const venv = join(folder, "python");
    const pip = [join(venv, "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"];
    return [
      [...npmCommand, "install", "--no-audit", "--no-fund", "--loglevel=error"],
      [python.find() ?? "python3", "-m", "venv", venv],
      [...pip, "-r", "requirements.txt"],
    ];
  });
}
