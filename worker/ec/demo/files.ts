/**
 * Files beside this module, read once, as answers.
 * @module
 */
import { readFileSync } from "node:fs";

const TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * Reads files of one folder into memory.
 * @param folder relative to this module, with a slash at its end
 * @returns answers a request for one of them, and nothing else, by name
 */
export function readFiles(folder: string, names: readonly string[]): (name: string) => Response | null {
  const bodies = new Map(
    names.map((name) => [name, readFileSync(new URL(`${folder}${name}`, import.meta.url), "utf8")]),
  );
  return (name) => {
    const body = bodies.get(name);
    if (body === undefined) return null;
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)]!;
    return new Response(body, { headers: { "content-type": type, "cache-control": "no-cache" } });
  };
}
