import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/**
 * Makes a folder for files. It is removed at the end of the process, also by a signal that can be caught.
 * @param name the beginning of its name
 */
export function temporaryFolder(name: string): string {
  const made = mkdtempSync(join(tmpdir(), `millrace-${name}-`));
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  endBySignals();
  return made;
}

let isEnding = false;

/** Without a listener, a signal ends a process without "exit". */
function endBySignals(): void {
  if (isEnding) return;
  isEnding = true;
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)
    process.once(signal, () => process.exit(code));
}
