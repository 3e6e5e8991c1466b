/**
 * `npm run consent-matrix`: compares the consent matrix of the documentation with the code; `--write` writes it.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { matrixPage } from "./support/consent-matrix.ts";
import { root } from "./support/spawn.ts";
import { readToolOptions } from "./support/tool-options.ts";

const {
  values: { write },
} = readToolOptions({
  name: "consent-matrix",
  summary: "Compares the consent matrix of the documentation with the code.",
  options: { write: { switch: true, summary: "write the matrix instead" } },
});
const path = join(root, "docs/edge-cookie/consent-matrix.md");
const page = matrixPage();
if (write) {
  writeFileSync(path, page);
  process.stdout.write(`wrote ${path}\n`);
} else if (readFileSync(path, "utf8") === page) {
  process.stdout.write("the consent matrix is up to date\n");
} else {
  process.stderr.write("the consent matrix differs from the code; write it with --write\n");
  process.exitCode = 1;
}
