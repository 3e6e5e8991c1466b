import type { Entry } from "../hosts/server.ts";

/** The entry of the runtime that this is. */
export async function entryHere(): Promise<Entry> {
  if ("Deno" in globalThis) return import("./deno.ts");
  if ("Bun" in globalThis) return import("./bun.ts");
  return import("./node.ts");
}
