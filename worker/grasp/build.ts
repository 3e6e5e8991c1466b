/**
 * Which build this is: the commit of a checkout (O6).
 * @module
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const TIMEOUT_MS = 5000;

/** The commit of the checkout that this file is in, in 8 digits; empty: it is in none of its own. */
export async function checkoutCommit(): Promise<string> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  if (!existsSync(join(root, ".git"))) return "";
  try {
    const { stdout } = await promisify(execFile)("git", ["-C", root, "rev-parse", "--show-prefix", "HEAD"], {
      env: { PATH: env.PATH, LC_ALL: "C" },
      timeout: TIMEOUT_MS,
    });
    const [prefix, commit = ""] = stdout.split("\n");
    // Inside another repository, as an installed package is, the commit would be that one's.
    return prefix === "" ? commit.slice(0, 8) : "";
  } catch {
    return "";
  }
}
