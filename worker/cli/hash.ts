import { createHash } from "node:crypto";
import process from "node:process";
import { type Command, UsageError } from "./command.ts";

/** Longer than any header that can contain a secret. */
const MAX_SECRET_BYTES = 64 * 1024;

export const hash: Command = {
  summary: "print the SHA-256 of a secret read from standard input",
  details:
    "For operator.tokenHash and a partner's apiKeyHash. A line end after the secret is not part of it.",
  options: {},
  async run() {
    if (process.stdin.isTTY) process.stderr.write("type the secret, Enter, then Ctrl-D\n");
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of process.stdin) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_SECRET_BYTES) throw new UsageError(`a secret has at most ${MAX_SECRET_BYTES} bytes`);
    }
    const secret = Buffer.concat(chunks)
      .toString("utf8")
      .replace(/\r?\n$/, "");
    if (secret === "") throw new UsageError("there is no secret on standard input");
    process.stdout.write(`${sha256Hex(secret)}\n`);
  },
};

/** The SHA-256 of a text in UTF-8, as lower-case hex. */
export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
