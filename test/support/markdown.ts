/**
 * As much of Markdown as the pages under `docs/` use, so that tests can hold them against what they speak of.
 * @module
 */

/** A fenced block. */
export interface Block {
  /** The first word after the fence; empty if there is none. */
  language: string;
  /** What follows it there: a file's name, or how the block is run. */
  info: string;
  text: string;
  /** Of the fence, from 1. */
  line: number;
}

/** A table. */
export interface Table {
  /** The headings that it stands under, outermost first. */
  under: string[];
  columns: string[];
  rows: string[][];
}

/** A page in its parts. */
export interface Page {
  blocks: Block[];
  headings: string[];
  /** What links can point to within the page. */
  anchors: Set<string>;
  tables: Table[];
  /** Targets of links and images, as written. */
  links: string[];
  /** What stands between single backticks. */
  codes: string[];
}

/** Reads a page. */
export function readPage(markdown: string): Page {
  const page: Page = { blocks: [], headings: [], anchors: new Set(), tables: [], links: [], codes: [] };
  const path: string[] = [];
  let block: Block | null = null;
  let table: Table | null = null;
  markdown.split("\n").forEach((line, index) => {
    const fence = /^```(\S*) ?(.*)$/.exec(line);
    if (block !== null) {
      if (fence === null) block.text += `${line}\n`;
      else block = null;
      return;
    }
    if (fence !== null) {
      block = { language: fence[1]!, info: fence[2]!, text: "", line: index + 1 };
      page.blocks.push(block);
      return;
    }
    const heading = /^(#+) (.+)$/.exec(line);
    if (heading !== null) {
      path.splice(heading[1]!.length - 1, path.length, heading[2]!);
      page.headings.push(heading[2]!);
      page.anchors.add(anchorOf(heading[2]!, page.anchors));
    }
    if (line.startsWith("|")) {
      const cells = cellsOf(line);
      if (table === null) {
        table = { under: [...path], columns: cells, rows: [] };
        page.tables.push(table);
      } else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) table.rows.push(cells);
    } else table = null;
    for (const [, code] of line.matchAll(/`([^`]+)`/g)) page.codes.push(code!);
    const prose = line.replace(/`[^`]*`/g, "");
    for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) page.links.push(target!);
  });
  return page;
}

/** The anchor of a heading as GitHub makes it. */
function anchorOf(heading: string, taken: ReadonlySet<string>): string {
  const plain = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/ /g, "-");
  let anchor = plain;
  for (let again = 1; taken.has(anchor); again++) anchor = `${plain}-${again}`;
  return anchor;
}

function cellsOf(line: string): string[] {
  return line
    .slice(1)
    .replace(/\|\s*$/, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

/** The text of a cell without its backticks. */
export function plain(cell: string): string {
  return cell.replace(/`/g, "");
}
