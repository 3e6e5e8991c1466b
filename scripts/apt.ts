/**
 * Installs programs of the system's package manager, as root on a Debian; elsewhere it prints what to install.
 * @module
 */
import { spawnSync } from "node:child_process";
import type { Program } from "../test/support/programs.ts";
import { say } from "./tool-cache.ts";

const packagesOf = (list: readonly Program[]) => list.map((program) => program.package).join(" ");

/** Runs a command to its end and shows only its errors. */
function runs(command: string, args: string[]): boolean {
  const done = spawnSync(command, args, {
    stdio: ["ignore", "ignore", "inherit"],
    // In run level 1, Debian does not start installed services: the tests start nginx and Redis.
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
  });
  return done.status === 0;
}

function install(wanted: readonly Program[]): boolean {
  if (process.getuid?.() !== 0 || !runs("apt-get", ["--version"])) return false;
  say(`installing ${packagesOf(wanted)} (once; this takes a moment)`);
  const names = wanted.map((program) => program.package);
  // An old list of packages may be enough; the installation shows it.
  runs("apt-get", ["update", "-qq"]);
  return runs("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...names]);
}

/** Installs the programs that are missing. @returns those that are still missing, after it said how to install them */
export function installPrograms(programs: readonly Program[]): readonly Program[] {
  const missing = () => programs.filter((program) => program.find() === null);
  const wanted = missing();
  if (wanted.length > 0 && !install(wanted)) say(`could not install ${packagesOf(wanted)} from here`);
  const left = missing();
  for (const program of left) {
    say(`left out: ${program.usedFor}; install ${program.package}, on Debian with`);
    say(`  apt-get install --no-install-recommends ${program.package}`);
  }
  return left;
}
