/**
 * Preloaded into a server under test (`node --import`). It notes every step that leaves something behind: what a crash can come
 * between. Steps are changes of the file system, Git processes, and commits of the database, each before and after. At one of them
 * the process kills itself, if it is told to. The server has no code for this.
 *
 * `TEST_STEPS_FILE` names the file that gets a line for each step, `TEST_KILL_AT` the number of the step that is not passed.
 * @module
 */
import childProcess, { type ChildProcess } from "node:child_process";
import { appendFileSync } from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename, extname } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";

const file = process.env.TEST_STEPS_FILE!;
const killAt = Number(process.env.TEST_KILL_AT ?? Number.POSITIVE_INFINITY);
let steps = 0;

function step(label: string): void {
  steps++;
  appendFileSync(file, `${label}\n`);
  if (steps === killAt) process.kill(process.pid, "SIGKILL");
}

/** A file by what it is, not by its random name. */
function kindOf(path: unknown): string {
  const name = String(path);
  const folder = /\/(quarantine|unclaimed|cache|held|home|git)(\/|$)/.exec(name)?.[1] ?? "";
  return `${folder} ${extname(name) || (/^[a-z]+$/i.test(basename(name)) ? basename(name) : "file")}`.trim();
}

const GIT_COMMANDS =
  /^(index-pack|unpack-objects|pack-objects|rev-list|cat-file|update-ref|symbolic-ref|for-each-ref|fetch|init|repack)$/;

/** Wraps a function that makes a promise. */
function wrap(name: "rename" | "rm" | "mkdir" | "writeFile" | "link" | "unlink" | "copyFile"): void {
  const original = files[name] as (...args: unknown[]) => Promise<unknown>;
  const wrapped = async (...args: unknown[]) => {
    const label = `${name} ${kindOf(args[name === "rename" ? 1 : 0])}`;
    step(`before ${label}`);
    const result = await original(...args);
    step(`after ${label}`);
    return result;
  };
  Object.assign(files, { [name]: wrapped });
}
for (const name of ["rename", "rm", "mkdir", "writeFile", "link", "unlink", "copyFile"] as const) wrap(name);

const spawnProcess = childProcess.spawn as (...args: unknown[]) => ChildProcess;
Object.assign(childProcess, {
  spawn(...args: unknown[]) {
    const command = (args[1] as string[]).find((arg) => GIT_COMMANDS.test(arg));
    if (command === undefined) return spawnProcess(...args);
    step(`before git ${command}`);
    const child = spawnProcess(...args);
    child.once("close", () => step(`after git ${command}`));
    return child;
  },
});
syncBuiltinESMExports();

const execute = DatabaseSync.prototype.exec;
DatabaseSync.prototype.exec = function exec(sql: string) {
  if (!/^\s*COMMIT/i.test(sql)) return execute.call(this, sql);
  step("before commit");
  execute.call(this, sql);
  step("after commit");
};
