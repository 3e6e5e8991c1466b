/**
 * Finds and installs wrangler, Cloudflare's command line, with which the tests start the starter.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findTools, installTools, npmCommand, type ToolSet } from "./tool-cache.ts";

const wrangler: ToolSet = {
  name: "wrangler",
  lists: fileURLToPath(new URL("wrangler/", import.meta.url)),
  files: ["package.json", "package-lock.json"],
  what: "wrangler",
  usedFor: "the test of the starter for Cloudflare with wrangler",
};

/** Finds wrangler. @returns the folder of its package; `null` if it is not on this machine. */
export function findWrangler(): string | null {
  const folder = findTools(wrangler);
  return folder && join(folder, "node_modules/wrangler");
}

/** Installs wrangler if it is missing. @returns whether it is installed now. */
export function installWrangler(): boolean {
  return installTools(wrangler, () => [[...npmCommand, "ci", "--no-audit", "--no-fund", "--loglevel=error"]]);
}
