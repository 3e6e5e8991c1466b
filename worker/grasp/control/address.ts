/**
 * Where the running service of a data directory takes commands: a loopback port and a token, in a file that only its user can read.
 * @module
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where commands go. */
export interface ControlAddress {
  readonly url: string;
  readonly token: string;
}

const fileIn = (dataDirectory: string) => join(dataDirectory, "control.json");

export function writeAddress(dataDirectory: string, address: ControlAddress): void {
  const file = fileIn(dataDirectory);
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, JSON.stringify(address), { mode: 0o600 });
  renameSync(fresh, file);
}

/** @returns `null`: no service has written one, or it cannot be read. */
export function readAddress(dataDirectory: string): ControlAddress | null {
  try {
    const { url, token } = JSON.parse(readFileSync(fileIn(dataDirectory), "utf8"));
    return typeof url === "string" && typeof token === "string" ? { url, token } : null;
  } catch {
    return null;
  }
}

export function removeAddress(dataDirectory: string): void {
  rmSync(fileIn(dataDirectory), { force: true });
}
