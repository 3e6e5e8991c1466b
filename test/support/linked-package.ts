import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./spawn.ts";

/**
 * Prepares a folder in which `import "millrace"` finds this checkout: the exports of the published package, mapped
 * to their source. The tests of the packed package cover the compiled files.
 */
export function linkPackage(folder: string): void {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const packages = join(folder, "node_modules");
  const millrace = join(packages, "millrace");
  mkdirSync(millrace, { recursive: true });
  const exports = JSON.stringify(own.exports, (key, value) =>
    key === "types" ? undefined : typeof value === "string" ? toSource(value) : value,
  );
  writeFileSync(
    join(millrace, "package.json"),
    JSON.stringify({ name: own.name, version: own.version, type: "module", exports: JSON.parse(exports) }),
  );
  for (const name of ["wasm", "runtime", "worker"]) symlinkSync(join(root, name), join(millrace, name));
  // The package bundles these packages, the sources import them.
  for (const name of [...Object.keys(own.dependencies), "jsonc-parser"]) {
    mkdirSync(dirname(join(packages, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(packages, name));
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
}

const toSource = (path: string) => path.replace(/^\.\/dist\/(.+)\.js$/, "./$1.ts");
