import process from "node:process";
import type { Entry } from "../server.ts";
import { requireVersion } from "./runtime-version.ts";

/**
 * The host of the runtime that runs this process, and its server.
 * @throws {Error} if the runtime is too old (O37).
 */
export async function entryHere(): Promise<Entry> {
  const { bun, deno } = process.versions;
  if (deno !== undefined) {
    requireVersion("Deno", deno);
    return import("./deno.ts");
  }
  if (bun !== undefined) {
    requireVersion("Bun", bun);
    return import("./bun.ts");
  }
  return import("./node.ts");
}
