/**
 * `npm run api-page`: compares the page of the API with the description; `--write` writes it.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { description } from "../worker/ec/openapi/description.ts";
import { apiPage } from "./support/api-page/page.ts";
import { root } from "./support/spawn.ts";
import { readToolOptions } from "./support/tool-options.ts";

const {
  values: { write },
} = readToolOptions({
  name: "api-page",
  summary: "Compares the page of the API with the description.",
  options: { write: { switch: true, summary: "write the page instead" } },
});
const path = join(root, "docs/edge-cookie/api.html");
const page = apiPage(description);
if (write) {
  writeFileSync(path, page);
  process.stdout.write(`wrote ${path}\n`);
} else if (readFileSync(path, "utf8") === page) {
  process.stdout.write("the page of the API is up to date\n");
} else {
  process.stderr.write("the page of the API differs from the description; write it with --write\n");
  process.exitCode = 1;
}
