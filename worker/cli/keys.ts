import { randomBytes } from "node:crypto";
import process from "node:process";
import type { Command } from "./command.ts";
import { sha256Hex } from "./hash.ts";

/** 256 bits. */
const KEY_BYTES = 32;

export const keys: Command = {
  summary: "print a new random secret and its hash",
  details:
    "For a passphrase, an operator's token or a partner's API key. It is stored nowhere: keep it yourself.",
  options: {},
  async run() {
    const key = newSecret();
    process.stdout.write(`secret  ${key}\nhash    ${sha256Hex(key)}\n`);
  },
};

/** A new random secret of 43 characters, letters, digits, `-` and `_`. */
export function newSecret(): string {
  return randomBytes(KEY_BYTES).toString("base64url");
}
