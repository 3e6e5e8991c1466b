/**
 * The relay's own key: configured, or made at the first start and kept in a file.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { isPrivate, xOnlyPointFromScalar } from "tiny-secp256k1";
import { toHex } from "../../../runtime/lib/hex.ts";
import type { Random } from "../../../runtime/platform.ts";
import { StartError } from "../../serve/start-error.ts";
import { bytesOfHex } from "../store/queries.ts";

/** A key pair. */
export interface RelayKey {
  readonly secret: Uint8Array;
  /** As lower-case hex. */
  readonly publicKey: string;
}

/**
 * Reads the relay's key.
 * @param configured as 64 hex digits; `null`: the file has it, and is made if it is absent.
 * @throws {StartError} if the file is empty or has no key.
 */
export function readRelayKey(configured: string | null, path: string, random: Random): RelayKey {
  const text = configured ?? fileText(path) ?? newKey(path, random);
  const secret = /^[0-9a-f]{64}$/.test(text) ? bytesOfHex(text) : null;
  if (secret === null || !isPrivate(secret)) {
    const place = configured === null ? path : "relayKey";
    throw new StartError(`${place} has no secret key; it must have 64 hex digits`);
  }
  return { secret, publicKey: toHex(xOnlyPointFromScalar(secret)) };
}

function fileText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new StartError(`cannot read the relay's key: ${(error as Error).message}`, { cause: error });
  }
}

function newKey(path: string, random: Random): string {
  const secret = new Uint8Array(32);
  do random.fill(secret);
  while (!isPrivate(secret));
  const text = toHex(secret);
  writeFileSync(path, `${text}\n`, { flag: "wx", mode: 0o600 });
  return text;
}
