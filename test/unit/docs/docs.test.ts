import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { readPage } from "../../support/markdown.ts";
import { root } from "../../support/spawn.ts";

const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
const starters = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith("README.md") && !name.includes("node_modules"))
  .map((name) => join("examples", name));
const read = (page: string) => readPage(readFileSync(join(root, page), "utf8"));

/** Top-level folders whose paths pages name. `dist` and `data` do not exist in a clean checkout. */
const FOLDERS = /^(?:wasm|runtime|worker|test|scripts|docs|\.ci)\//;

describe.each([...pages, ...starters])("%s", (page) => {
  const { links, codes, blocks, headings, tables } = read(page);

  test("every relative link has a target, with its anchor", () => {
    const broken = links.filter((link) => {
      if (/^(https?|mailto):/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? join(root, page) : resolve(root, dirname(page), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !read(relative(root, target)).anchors.has(anchor);
    });
    expect(broken).toEqual([]);
  });

  test("every named path of this repository exists", () => {
    const named = codes.filter((code) => FOLDERS.test(code) && !/[*{…<\s]/.test(code));
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("it has one title, and every table row has as many cells as the head", () => {
    const text = readFileSync(join(root, page), "utf8");
    expect(text.startsWith(`# ${headings[0]}\n`)).toBe(true);
    expect(text.match(/^# /gm)?.length).toBe(
      1 + blocks.flatMap((block) => block.text.match(/^# /gm) ?? []).length,
    );
    for (const { columns, rows, under } of tables) {
      for (const row of rows)
        expect([under.at(-1), row.length, row]).toEqual([under.at(-1), columns.length, row]);
    }
  });

  test("every JSON block parses", () => {
    for (const { language, text } of blocks)
      if (language === "json") expect(() => JSON.parse(text)).not.toThrow();
  });
});

test("every page under docs can be reached from the README", () => {
  const reached = new Set<string>();
  const visit = (page: string) => {
    if (reached.has(page)) return;
    reached.add(page);
    for (const link of read(page).links) {
      if (/^\w+:/.test(link)) continue;
      const path = relative(root, resolve(root, dirname(page), link.split("#")[0]!));
      const target = existsSync(join(root, path, "README.md")) ? join(path, "README.md") : path;
      if (target.endsWith(".md") && existsSync(join(root, target))) visit(target);
    }
  };
  visit("README.md");
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});
