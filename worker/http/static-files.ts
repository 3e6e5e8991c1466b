/**
 * Responses with files of one folder, read once.
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
 * @param folder its `file:` URL, with a trailing slash
 * @returns a function from a file's name to a response; `null` for other names
 */
export function readFiles(folder: URL, names: readonly string[]): (name: string) => Response | null {
  const bodies = new Map(names.map((name) => [name, readFileSync(new URL(name, folder), "utf8")]));
  return (name) => {
    const body = bodies.get(name);
    if (body === undefined) return null;
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)]!;
    return new Response(body, { headers: { "content-type": type, "cache-control": "no-cache" } });
  };
}
