import type { Entry } from "../server.ts";

/** The host of the runtime that runs this process, and its server. */
export async function entryHere(): Promise<Entry> {
  if ("Deno" in globalThis) return import("./deno.ts");
  if ("Bun" in globalThis) return import("./bun.ts");
  return import("./node.ts");
}
