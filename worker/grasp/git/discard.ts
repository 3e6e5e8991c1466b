/**
 * Deletes folders that are not needed any more, also where that fails at first: without file handles no folder can be read (T65).
 * @module
 */
import { rm } from "node:fs/promises";

/** Waits before further attempts, in milliseconds: each is twice the last. */
const FIRST_WAIT_MS = 250;
const ATTEMPTS = 12;
const PASSING = new Set(["EMFILE", "ENFILE", "EBUSY", "ENOTEMPTY"]);

/**
 * Deletes a folder with everything in it. Does nothing if there is none.
 * @returns after the first attempt. What it could not delete is tried again for 17 minutes, and deleted at the next start.
 */
export function discardFolder(path: string): Promise<void> {
  return attempt(path, ATTEMPTS, FIRST_WAIT_MS);
}

async function attempt(path: string, left: number, waitMs: number): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (left <= 1 || !PASSING.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    const timer = setTimeout(() => void attempt(path, left - 1, waitMs * 2).catch(() => {}), waitMs);
    timer.unref();
  }
}
