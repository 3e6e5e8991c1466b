/**
 * Finds the programs that cargo builds for the tests. As a script it installs what is missing, outside the project; cargo builds
 * each from source, once for a machine.
 * @module
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { executable, findProgram } from "../test/support/find-program.ts";
import { say, toolCache } from "./tool-cache.ts";

/** A program that cargo builds. */
interface CargoTool {
  readonly name: string;
  /** The version that the tests expect. */
  readonly version: string;
  /** Environment variable that names another file. */
  readonly variable: string;
  readonly usedFor: string;
}

const viceroy: CargoTool = {
  name: "viceroy",
  version: "0.22.0",
  variable: "VICEROY_PATH",
  usedFor: "the tests on Fastly Compute",
};
const graspAudit: CargoTool = {
  name: "grasp-audit",
  version: "0.2.0",
  variable: "GRASP_AUDIT_PATH",
  usedFor: "the compliance checks of GRASP",
};
const ngit: CargoTool = {
  name: "ngit",
  version: "3.0.3",
  variable: "NGIT_PATH",
  usedFor: "the tests of GRASP with the client ngit",
};
/** The version of the GRASP server that is compared with. */
export const NGIT_GRASP_VERSION = "3.0.9";
const ngitGrasp: CargoTool = {
  name: "ngit-grasp",
  version: NGIT_GRASP_VERSION,
  variable: "NGIT_GRASP_PATH",
  usedFor: "the tests and the bench of GRASP beside another server",
};

function find({ name, variable }: CargoTool): string | null {
  return (
    executable(process.env[variable] ?? join(toolCache, name, "bin", name)) ?? findProgram(name, variable)
  );
}

/** Finds Viceroy, Fastly's local server. @returns its file; `null` if it is not on this machine. */
export function findViceroy(): string | null {
  return find(viceroy);
}

/** Finds grasp-audit, the public compliance tool of GRASP. @returns its file; `null` if it is not on this machine. */
export function findGraspAudit(): string | null {
  return find(graspAudit);
}

/** Finds ngit, a client of GRASP. Its `git-remote-nostr` is beside it. @returns its file; `null` if it is not on this machine. */
export function findNgit(): string | null {
  return find(ngit);
}

/** Finds ngit-grasp, a GRASP server to compare with. @returns its file; `null` if it is not on this machine. */
export function findNgitGrasp(): string | null {
  return find(ngitGrasp);
}

/** Installs a tool if it is missing. @returns whether it is installed now. */
function install(tool: CargoTool): boolean {
  const { name, version, variable, usedFor } = tool;
  if (find(tool) !== null) return true;
  const cargo = findProgram("cargo");
  if (cargo === null) {
    say(`left out: ${usedFor}; install Rust (https://rustup.rs) and run this again, or`);
    say(`  set ${variable} to the file of another ${name}`);
    return false;
  }
  say(`building ${name} ${version} for ${usedFor} (once; this takes about ten minutes)`);
  const args = ["install", name, "--locked", "--version", version, "--root", join(toolCache, name)];
  const done = spawnSync(cargo, args, { stdio: ["ignore", 2, 2] });
  if (done.status === 0) return find(tool) !== null;
  say(`left out: ${usedFor}; cargo ${args.join(" ")} failed (see above)`);
  return false;
}

/** Installs the tools that are missing. @returns whether all are installed now. */
export function installCargoTools(): boolean {
  return [viceroy, graspAudit, ngit, ngitGrasp].map(install).every(Boolean);
}

/** Installs what the bench of GRASP compares with. @returns whether it is installed now. */
export function installNgitGrasp(): boolean {
  return install(ngitGrasp);
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !installCargoTools()) process.exitCode = 1;
