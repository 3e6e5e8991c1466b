/**
 * Reads Markdown pages, so that tests can compare them with what they describe.
 * @module
 */
import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmTable } from "micromark-extension-gfm-table";

/** A fenced block. */
export interface Block {
  /** The first word after the fence; empty if there is none. */
  language: string;
  /** The text after the language: a file's name, or how the block runs. */
  info: string;
  text: string;
  /** Line of the fence, from 1. */
  line: number;
}

/** A table. */
export interface Table {
  /** The headings above it, outermost first. */
  under: string[];
  columns: string[];
  rows: string[][];
}

/** The parts of a page. */
export interface Page {
  blocks: Block[];
  headings: string[];
  /** Anchors of the headings. */
  anchors: Set<string>;
  tables: Table[];
  /** Targets of links and images, as written. */
  links: string[];
  /** Contents of inline code. */
  codes: string[];
}

/** Reads a page. */
export function readPage(markdown: string): Page {
  const page: Page = { blocks: [], headings: [], anchors: new Set(), tables: [], links: [], codes: [] };
  const path: string[] = [];
  const source = (node: Nodes) => sourceOf(markdown, node);
  for (const node of walk(parse(markdown))) {
    if (node.type === "code") {
      const line = node.position!.start.line;
      const text = node.value === "" ? "" : `${node.value}\n`;
      page.blocks.push({ language: node.lang ?? "", info: node.meta ?? "", text, line });
    } else if (node.type === "heading") {
      const heading = source(node);
      path.splice(node.depth - 1, path.length, heading);
      page.headings.push(heading);
      page.anchors.add(anchorOf(heading, page.anchors));
    } else if (node.type === "table") {
      const [columns, ...rows] = node.children.map((row) => row.children.map(source));
      page.tables.push({ under: [...path], columns: columns!, rows });
    } else if (node.type === "inlineCode") page.codes.push(node.value);
    else if (node.type === "link" || node.type === "image") page.links.push(node.url);
  }
  return page;
}

function parse(markdown: string): Nodes {
  return fromMarkdown(markdown, { extensions: [gfmTable()], mdastExtensions: [gfmTableFromMarkdown()] });
}

function* walk(node: Nodes): Generator<Nodes> {
  yield node;
  if ("children" in node) for (const child of node.children) yield* walk(child);
}

/** The Markdown inside a heading or a cell; a pipe that a table has to escape is a pipe. */
function sourceOf(markdown: string, node: Nodes): string {
  const children = "children" in node ? node.children : [];
  const [start, end] = [children[0]?.position?.start.offset, children.at(-1)?.position?.end.offset];
  return markdown.slice(start ?? 0, end ?? 0).replaceAll("\\|", "|");
}

/** The anchor of a heading as GitHub makes it. */
function anchorOf(heading: string, taken: ReadonlySet<string>): string {
  const text = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/ /g, "-");
  let anchor = text;
  for (let again = 1; taken.has(anchor); again++) anchor = `${text}-${again}`;
  return anchor;
}

/** The text of a cell without its backticks. */
export function plain(cell: string): string {
  return cell.replace(/`/g, "");
}
