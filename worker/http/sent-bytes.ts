/**
 * How far the operating system has taken an answer.
 * @module
 */
import type { ServerResponse } from "node:http";

/**
 * Begins to count.
 * @returns the bytes of the connection since then, if all that was written is out of this process; else 0. Once it has reached a sum of
 * bytes, memory with these bytes can be used again. `null`: the runtime does not tell; only Node's streams do.
 */
export function sentBytes(answer: ServerResponse | undefined): (() => number) | null {
  const socket = answer?.socket;
  if (socket == null || "Bun" in globalThis || "Deno" in globalThis) return null;
  const before = socket.bytesWritten;
  return () =>
    answer!.writableLength === 0 && socket.writableLength === 0 ? socket.bytesWritten - before : 0;
}
