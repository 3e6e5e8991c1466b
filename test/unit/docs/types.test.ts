import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { linkPackage } from "../../support/linked-package.ts";
import { readPage } from "../../support/markdown.ts";
import { root } from "../../support/spawn.ts";

const TIMEOUT_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "millrace-types-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Packages beside millrace that the pages' programs use. */
const PACKAGES = ["express", "fastify", "@types/express"];

/** Globals of other runtimes, as far as the pages use them. */
const GLOBALS = `
declare const Bun: { serve(options: object): { port: number } };
declare const Deno: { env: { get(name: string): string | undefined }; serve(options: object, handler: unknown): unknown };
`;

const CONFIG = {
  extends: join(root, "tsconfig.json"),
  compilerOptions: {
    typeRoots: [join(root, "test/node_modules/@types")],
    paths: { ws: [join(root, "test/node_modules/@types/ws/index.d.ts")] },
    noUnusedLocals: false,
  },
  include: ["*.mts", "globals.d.ts", join(root, "worker/**/*.d.ts")],
};

const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

test(
  "every program in README and docs compiles under strict TypeScript",
  () => {
    linkPackage(folder);
    for (const name of PACKAGES) {
      mkdirSync(join(folder, "node_modules", name, ".."), { recursive: true });
      symlinkSync(join(root, "test/node_modules", name), join(folder, "node_modules", name));
    }
    writeFileSync(join(folder, "globals.d.ts"), GLOBALS);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(CONFIG));
    let programs = 0;
    for (const page of pages) {
      const { blocks } = readPage(readFileSync(join(root, page), "utf8"));
      // Partners need no package of ours: theirs is plain JavaScript.
      for (const { language, text, line } of blocks) {
        if (!["ts", "js"].includes(language) || !text.includes('from "millrace')) continue;
        // The file's name leads from an error back to the page.
        writeFileSync(join(folder, `${page.replace(/\W/g, "_")}_line_${line}.mts`), text);
        programs++;
      }
    }
    expect(programs).toBeGreaterThan(8);
    const tsc = join(root, "test/node_modules/typescript/bin/tsc");
    let errors = "";
    try {
      execFileSync(process.execPath, [tsc, "-p", folder], { cwd: folder, encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      errors = (error as { stdout: string }).stdout;
    }
    expect(errors).toBe("");
  },
  TIMEOUT_MS,
);
