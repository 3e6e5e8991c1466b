/**
 * What the Linux kernel counts of a process.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";

/** The kernel counts processor time in hundredths of a second. */
const TICK_MS = 10;
const KIB = 1024;

/** Resident memory, in MiB. */
export function residentMiBOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / KIB;
}

/** Processor time of a process and of the processes that it started and that ended, in milliseconds. */
export function processorMsOf(pid: number): number {
  return ticksOf(pid, 11, 15) * TICK_MS;
}

/** Processor time of the processes that a process started and that ended, in milliseconds. */
export function childrenMsOf(pid: number): number {
  return ticksOf(pid, 13, 15) * TICK_MS;
}

/** User and system time are the fields 11 and 12 after the name, those of children 13 and 14. */
function ticksOf(pid: number, from: number, to: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return fields.slice(from, to).reduce((sum, ticks) => sum + Number(ticks), 0);
}

/** The number of processes that a process started and that have not ended. */
export function childrenOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => {
    const list = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8");
    return sum + list.split(" ").filter((one) => one !== "").length;
  }, 0);
}
