import { randomBytes } from "node:crypto";
import process from "node:process";
import type { Command } from "./command.ts";
import { sha256Hex } from "./hash.ts";

/** 256 bits. */
const KEY_BYTES = 32;

export const keys: Command = {
  summary: "print a new random secret and its hash",
  details: "For a passphrase, an admin token or a partner's API key. It is kept nowhere: store it yourself.",
  options: {},
  async run() {
    const key = randomBytes(KEY_BYTES).toString("base64url");
    process.stdout.write(`secret  ${key}\nhash    ${sha256Hex(key)}\n`);
  },
};
