/**
 * The relay's own key: configured, or made at the first start and kept in a file.
 * @module
 */
import { createECDH, type ECDH } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
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
export async function readRelayKey(
  configured: string | null,
  path: string,
  random: Random,
): Promise<RelayKey> {
  const text = configured ?? fileText(path) ?? (await newKey(path, random));
  const secret = /^[0-9a-f]{64}$/.test(text) ? bytesOfHex(text) : null;
  const publicKey = secret === null ? null : await publicKeyOf(secret);
  if (secret === null || publicKey === null) {
    const place = configured === null ? path : "relayKey";
    throw new StartError(`${place} has no secret key; it must have 64 hex digits`);
  }
  return { secret, publicKey };
}

function fileText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new StartError(`cannot read the relay's key: ${(error as Error).message}`, { cause: error });
  }
}

async function newKey(path: string, random: Random): Promise<string> {
  const secret = new Uint8Array(32);
  do random.fill(secret);
  while ((await publicKeyOf(secret)) === null);
  const text = toHex(secret);
  writeFileSync(path, `${text}\n`, { flag: "wx", mode: 0o600 });
  return text;
}

/** The curve in the names of `node:crypto`, and the byte of a point before its x. */
const CURVE = "secp256k1";
const SIGN_BYTES = 1;

/**
 * The public key of a secret one as lower-case hex; `null`: it is no secret key. The host's own library has it at once; that of Bun does
 * not know the curve, and another one is loaded there, which takes as long as a tenth of a start.
 */
async function publicKeyOf(secret: Uint8Array): Promise<string | null> {
  const ecdh = hostCurve();
  if (ecdh === null) {
    const { isPrivate, xOnlyPointFromScalar } = await import("tiny-secp256k1");
    return isPrivate(secret) ? toHex(xOnlyPointFromScalar(secret)) : null;
  }
  try {
    ecdh.setPrivateKey(secret);
  } catch {
    return null;
  }
  return toHex(ecdh.getPublicKey().subarray(SIGN_BYTES, SIGN_BYTES + 32));
}

/** `null`: the host's library does not know the curve. */
function hostCurve(): ECDH | null {
  try {
    return createECDH(CURVE);
  } catch {
    return null;
  }
}
