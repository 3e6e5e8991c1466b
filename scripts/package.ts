/**
 * Builds `dist/`, what the published package carries: JavaScript, types, and the WebAssembly.
 * @module
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(root, "test/node_modules/typescript/bin/tsc");

rmSync(join(root, "dist"), { recursive: true, force: true });
const compiled = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: ["ignore", 2, 2],
});
if (compiled.status !== 0) throw new Error("the sources do not compile; what the compiler said is above");

/** What the compiler leaves where it is. */
for (const path of ["wasm/built", "wasm/wit", "worker/demo"]) {
  if (!existsSync(join(root, path))) continue;
  cpSync(join(root, path), join(root, "dist", path), {
    recursive: true,
    filter: (source) => !/(?<!\.d)\.ts$/.test(source) && !source.endsWith("stamp"),
  });
}
console.error("package: dist/ built");
