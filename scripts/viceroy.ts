/**
 * Finds Viceroy, Fastly's local server. As a script it installs Viceroy outside the project; cargo builds it from source in
 * about ten minutes.
 * @module
 */
import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { executable, findProgram } from "../test/support/find-program.ts";

/** The version that the tests expect. */
const VERSION = "0.22.0";

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "millrace/viceroy");

/** Finds the program (`VICEROY_PATH` names another file). @returns its file; `null` if it is not on this machine. */
export function findViceroy(): string | null {
  return (
    executable(process.env.VICEROY_PATH ?? join(cache, "bin/viceroy")) ??
    findProgram("viceroy", "VICEROY_PATH")
  );
}

const say = (text: string) => process.stderr.write(`millrace: ${text}\n`);

/** Installs Viceroy if it is missing. @returns whether it is installed now. */
export function installViceroy(): boolean {
  if (findViceroy() !== null) return true;
  const cargo = findProgram("cargo");
  if (cargo === null) {
    say("left out: the tests on Fastly Compute; install Rust (https://rustup.rs) and run this again, or");
    say("  set VICEROY_PATH to the file of another viceroy");
    return false;
  }
  say(`building viceroy ${VERSION} for the tests on Fastly Compute (once; this takes about ten minutes)`);
  const args = ["install", "viceroy", "--locked", "--version", VERSION, "--root", cache];
  const done = spawnSync(cargo, args, { stdio: ["ignore", 2, 2] });
  if (done.status === 0) return findViceroy() !== null;
  say(`left out: the tests on Fastly Compute; cargo ${args.join(" ")} failed (see above)`);
  return false;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !installViceroy()) process.exitCode = 1;
