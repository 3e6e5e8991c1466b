/**
 * Builds `dist/`, the content of the published package: JavaScript, types, and the WebAssembly.
 *
 * The JavaScript is bundled into few files, which all exports share: a host reads each file of an import on its own, and
 * seventy files took longer than everything else before a first response.
 * @module
 */
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { services } from "../worker/services.ts";
import { configJsonSchema } from "./config-schema.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
/** Folder of files that several entries share. */
const SHARED = "dist/shared";
/** Bundled packages: without them a first response takes a third longer, on Deno more than half. */
const INSIDE = ["valibot", "jsonc-parser"];

rmSync(join(root, "dist"), { recursive: true, force: true });
const tsc = join(root, "test/node_modules/typescript/bin/tsc");
const types = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: ["ignore", 2, 2],
});
if (types.status !== 0) throw new Error("Cannot build the package: the sources do not compile (see above)");

const { exports, bin, dependencies, peerDependencies } = JSON.parse(read("package.json"));
const compiled = JSON.stringify([exports, bin]).match(/(?<="\.\/dist\/)[^"]+(?=\.js")/g)!;
const packages = Object.keys({ ...dependencies, ...peerDependencies }).filter(
  (name) => !INSIDE.includes(name),
);
await build({
  absWorkingDir: root,
  entryPoints: [...new Set(compiled)].map((path) => `${path}.ts`),
  outbase: ".",
  outdir: "dist",
  chunkNames: `${SHARED.slice("dist/".length)}/[name]-[hash]`,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  target: "esnext",
  external: [
    ...["node:*", "bun:*", "fastly:*", "wasi:*", "cloudflare:*", "*.wasm"],
    ...packages.flatMap((name) => [name, `${name}/*`]),
  ],
  logLevel: "warning",
});

cpSync(join(root, "wasm/built"), join(root, "dist/wasm/built"), {
  recursive: true,
  filter: (source) => !/\.(ts|js|stamp)$/.test(source),
});
/** The demonstrations read their files from their own folders, whose names differ. */
for (const service of ["ec", "grasp"]) {
  cpSync(join(root, "worker", service, "demo"), join(root, SHARED), {
    recursive: true,
    filter: (source) => !source.endsWith(".ts"),
  });
}
writeFileSync(
  join(root, "dist/config.schema.json"),
  `${JSON.stringify(configJsonSchema(services), null, 2)}\n`,
);
const licence = (name: string) => {
  const file = readdirSync(join(root, "node_modules", name)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`Cannot build the package: ${name} has no licence file`);
  return `${name}\n\n${read(`node_modules/${name}/${file}`).trim()}\n`;
};
const library = `libsecp256k1\n\n${read("wasm/schnorr/COPYING").trim()}\n`;
writeFileSync(join(root, "dist/licences.txt"), [...INSIDE.map(licence), library].join("\n\n"));
console.error("package: dist/ built");
