/**
 * A secret key in a file: `nsec1…` or 64 hex digits.
 * @module
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { bech32 } from "@scure/base";
import { isSecretKey, newSecretKey } from "../client/signer.ts";

/** A mode's bits for everybody but the owner. */
const OTHERS = 0o077;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** @returns `nsec1…` (NIP-19) */
export function toNsec(secret: Uint8Array): string {
  return bech32.encodeFromBytes("nsec", secret);
}

/**
 * Reads a secret key.
 * @returns what is wrong with the text; it does not contain the text.
 */
export function readSecretKey(text: string): { secret: Uint8Array } | { fault: string } {
  const given = text.trim();
  if (given === "") return { fault: "it is empty" };
  if (/^npub1/i.test(given))
    return { fault: "it has a public key (npub1…); the secret one begins with nsec1" };
  if (/^ncryptsec1/i.test(given)) return { fault: "its key is encrypted (ncryptsec1…); decrypt it first" };
  const secret = /^[0-9a-f]{64}$/i.test(given) ? Buffer.from(given, "hex") : fromNsec(given);
  if (secret === null) return { fault: "it has neither nsec1… with a right checksum nor 64 hex digits" };
  return isSecretKey(secret) ? { secret } : { fault: "its number is no secret key" };
}

function fromNsec(text: string): Uint8Array | null {
  const decoded = bech32.decodeUnsafe(text as `${string}1${string}`);
  if (decoded === undefined || decoded.prefix !== "nsec") return null;
  return bech32.fromWordsUnsafe(decoded.words) ?? null;
}

/**
 * Reads the key of a file that only its owner can read.
 * @throws {Error} saying what is wrong with the file, and what to do.
 */
export function loadSecretKey(path: string): Uint8Array {
  let text: string;
  try {
    const mode = statSync(path).mode & 0o777;
    if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
      throw new Error(`other users can read ${path} (mode ${mode.toString(8)}); run: chmod 600 ${path}`);
    }
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new Error(
        `there is no key in ${path}; name its file with --key FILE, or make one with --create-key`,
      );
    }
    throw code === undefined ? error : new Error(`cannot read the key in ${path}: ${message}`);
  }
  const read = readSecretKey(text);
  if ("fault" in read) throw new Error(`${path} is no key: ${read.fault}`);
  return read.secret;
}

/** Makes a new key, in a new file that only its owner can read. @throws {Error} if there is a file */
export function createSecretKey(path: string): Uint8Array {
  const secret = newSecretKey();
  try {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
    writeFileSync(path, `${toNsec(secret)}\n`, { flag: "wx", mode: FILE_MODE });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "EEXIST" ? "it exists already; leave --create-key out to use it" : message;
    throw new Error(`cannot write ${path}: ${reason}`, { cause: error });
  }
  return secret;
}
