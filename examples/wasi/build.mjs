// Bundles src/index.js into a WebAssembly component that exports wasi:http/incoming-handler.
//
//   node build.mjs [ENTRY [OUT]]
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

const [entry = "src/index.js", out = "service.wasm"] = process.argv.slice(2);

// componentize-js 0.22 answers fetch events for this version of wasi:http and no other.
const VERSION = "0.2.10";

/** jco contains the text of the interfaces, some in a later version; the interfaces are the same. */
async function writeWit(folder) {
  const jco = dirname(fileURLToPath(import.meta.resolve("@bytecodealliance/jco")));
  const texts = join(jco, "../lib/wit/builtin");
  for (const [name, version] of [
    ["wasi-io", VERSION],
    ["wasi-clocks", VERSION],
    ["wasi-http", "0.2.12"],
  ]) {
    const text = await readFile(join(texts, version, name, "package.wit"), "utf8");
    // Worlds would require further packages.
    const interfaces = text.replaceAll(version, VERSION).replace(/^world \w+ \{[^}]*\}\n/gm, "");
    await mkdir(join(folder, "deps", name), { recursive: true });
    await writeFile(join(folder, "deps", name, "package.wit"), interfaces);
  }
  await mkdir(join(folder, "deps/wasi-cli"), { recursive: true });
  await writeFile(join(folder, "deps/wasi-cli/package.wit"), environment);
  await writeFile(join(folder, "world.wit"), world);
}

const environment = `package wasi:cli@${VERSION};
interface environment {
  get-environment: func() -> list<tuple<string, string>>;
  get-arguments: func() -> list<string>;
  initial-cwd: func() -> option<string>;
}
`;

const world = `package local:service;
world service {
  import wasi:cli/environment@${VERSION};
  export wasi:http/incoming-handler@${VERSION};
}
`;

const work = `${out}.build`;
await rm(work, { recursive: true, force: true });
await writeWit(work);
await build({
  entryPoints: [entry],
  outfile: join(work, "service.js"),
  bundle: true,
  minify: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  conditions: ["worker"],
  target: "es2022",
  external: ["wasi:*"],
});
const { component } = await componentize({
  sourcePath: join(work, "service.js"),
  witPath: work,
  worldName: "service",
});
await writeFile(out, component);
await rm(work, { recursive: true, force: true });
console.log(`${out}: ${component.byteLength} bytes`);
