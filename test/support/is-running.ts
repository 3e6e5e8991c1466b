import { readFileSync } from "node:fs";
import process from "node:process";

/** Whether a process runs. One that has ended stays in Linux's table until its parent has seen its end: it does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}
