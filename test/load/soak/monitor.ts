/**
 * Loaded into the server before everything else: once a second it writes the process's memory, its open handles, and how
 * late timers were in that second, as a line of JSON to the file that `SOAK_SAMPLES` names.
 * @module
 */
import { appendFileSync, readdirSync } from "node:fs";
import process from "node:process";

/** One second of a server. */
export interface Sample {
  /** Milliseconds since the epoch. */
  at: number;
  rssBytes: number;
  heapBytes: number;
  /** Median and longest lateness of a timer, in milliseconds. */
  delayMs: number;
  longestMs: number;
  /** Open file handles. */
  handles: number;
}

const file = process.env.SOAK_SAMPLES;
const EVERY_MS = 10;
if (file !== undefined) {
  let late: number[] = [];
  let due = performance.now() + EVERY_MS;
  setInterval(() => {
    const now = performance.now();
    late.push(Math.max(0, now - due));
    due = now + EVERY_MS;
  }, EVERY_MS).unref();
  setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage();
    late.sort((a, b) => a - b);
    const sample: Sample = {
      at: Date.now(),
      rssBytes: rss,
      heapBytes: heapUsed,
      delayMs: late[late.length >> 1] ?? 0,
      longestMs: late.at(-1) ?? 0,
      handles: readdirSync("/proc/self/fd").length,
    };
    late = [];
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
  }, 1000).unref();
}
