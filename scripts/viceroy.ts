/**
 * Fastly's local server, Viceroy: where it is, and how it comes there. Run as a script it installs it, once, outside the
 * project; cargo builds it from source, which takes some ten minutes.
 * @module
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The release that the tests are written against. */
const VERSION = "0.22.0";

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "millrace/viceroy");

/** The program; `null`: it is not on this machine. `VICEROY_PATH` names one elsewhere. */
export function findViceroy(): string | null {
  const named = process.env.VICEROY_PATH;
  if (named !== undefined) return executable(named);
  return executable(join(cache, "bin/viceroy")) ?? inPath("viceroy");
}

function inPath(name: string): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), join(homedir(), ".cargo/bin")];
  for (const folder of folders) {
    const found = executable(join(folder, name));
    if (found !== null) return found;
  }
  return null;
}

function executable(path: string): string | null {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}

const say = (text: string) => process.stderr.write(`millrace: ${text}\n`);

/** Installs Viceroy unless it is there. @returns whether it is there now */
export function installViceroy(): boolean {
  if (findViceroy() !== null) return true;
  const cargo = inPath("cargo");
  if (cargo === null) {
    say("left out: the tests on Fastly Compute; install Rust (https://rustup.rs) and run this again, or");
    say("  install viceroy yourself and name it in VICEROY_PATH");
    return false;
  }
  say(`building viceroy ${VERSION} for the tests on Fastly Compute (once; this takes some ten minutes)`);
  const args = ["install", "viceroy", "--locked", "--version", VERSION, "--root", cache];
  const done = spawnSync(cargo, args, { stdio: ["ignore", 2, 2] });
  if (done.status === 0) return findViceroy() !== null;
  say(`left out: the tests on Fastly Compute; cargo ${args.join(" ")} failed (see above)`);
  return false;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !installViceroy()) process.exitCode = 1;
