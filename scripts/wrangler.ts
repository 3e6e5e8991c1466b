/**
 * Finds and installs wrangler, Cloudflare's command line, with which the tests start the starter. It comes from npm into the
 * cache of this machine, outside of the project.
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const lists = fileURLToPath(new URL("wrangler/", import.meta.url));
const LISTS = ["package.json", "package-lock.json"];
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "millrace");
const INSTALL_TIMEOUT_MS = 300_000;

/** A folder for each set of versions: another checkout may have another set. */
function folderOfWrangler(): string {
  const hash = createHash("sha256");
  for (const list of LISTS) hash.update(readFileSync(join(lists, list)));
  return join(cache, `wrangler-${hash.digest("hex").slice(0, 12)}`);
}

/** Finds wrangler. @returns the folder of its package; `null` if it is not on this machine. */
export function findWrangler(): string | null {
  const folder = folderOfWrangler();
  return existsSync(join(folder, "complete")) ? join(folder, "node_modules/wrangler") : null;
}

const say = (text: string) => process.stderr.write(`millrace: ${text}\n`);

/** Installs wrangler if it is missing. @returns whether it is installed now. */
export function installWrangler(): boolean {
  if (findWrangler() !== null) return true;
  const folder = folderOfWrangler();
  say("installing wrangler (once; this takes a moment)");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const list of LISTS) copyFileSync(join(lists, list), join(folder, list));
  const npm = process.env.npm_execpath;
  const [command, ...args] = npm ? [process.execPath, npm] : ["npm"];
  const done = spawnSync(command!, [...args, "ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    timeout: INSTALL_TIMEOUT_MS,
    stdio: ["ignore", 2, 2],
  });
  if (done.status === 0) {
    writeFileSync(join(folder, "complete"), "");
    return true;
  }
  say("left out: the test of the starter for Cloudflare with wrangler; npm failed (see above)");
  return false;
}
