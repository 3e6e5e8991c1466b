import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../../..", import.meta.url));

/** What a process of Node loads before it listens: the command line, the host, and the server. */
const LOADED = ["worker/cli/main.ts", "worker/hosts/process/node.ts", "worker/http/server.ts"];

/** Imports that are there at run time and are no calls. */
const STATIC = /(?:^|\n)(?:import|export)\s+(?!type\b)(?:[^"';]*?\bfrom\s*)?"([^"]+)"/g;

/** Packages that files import, directly or through others of ours. */
function packagesOf(files: readonly string[]): string[] {
  const seen = new Set(files);
  const packages = new Set<string>();
  for (const file of seen) {
    for (const [, name = ""] of readFileSync(join(root, file), "utf8").matchAll(STATIC)) {
      if (name.startsWith(".")) seen.add(relative(root, join(root, dirname(file), name)));
      else if (!name.startsWith("node:")) packages.add(name);
    }
  }
  return [...packages].sort();
}

test("a start loads no library that it does not need: WebSockets, the router, the proxy's client, curves and suffixes wait", () => {
  expect(packagesOf(LOADED)).toEqual(["@hono/node-server", "@scure/base", "jsonc-parser", "valibot"]);
});

test("the reader of imports follows files", () => {
  expect(packagesOf(["worker/grasp/demo/main.ts"])).toEqual(
    expect.arrayContaining(["hono", "tiny-secp256k1"]),
  );
});
