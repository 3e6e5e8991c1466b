import { rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { temporaryFolder } from "./folder.ts";
import type { Growth } from "./series.ts";
import { newVisitor, type Page, pageWith, quiet, visit } from "./visit.ts";

/** Disk space for an id: 354 bytes were measured, and the write-ahead log needs space, too. */
const BYTES_PER_ID = 500;

/**
 * Makes a folder for the files, which is removed at the end of the process, also by a signal that can be caught.
 * @throws {Error} if the disk has no space for the ids.
 */
function makeFolder(ids: number): string {
  const { bavail, bsize } = statfsSync(tmpdir());
  const [free, needed] = [bavail * bsize, ids * BYTES_PER_ID];
  if (free < needed) {
    const megabytes = (bytes: number) => Math.ceil(bytes / 1e6).toLocaleString("en");
    throw new Error(
      `growth: ${tmpdir()} has ${megabytes(free)} MB free, the graphs need ${megabytes(needed)}; give a smaller --ids-max, or set TMPDIR`,
    );
  }
  return temporaryFolder("growth");
}

/** Makes the id with a number: 64 hexadecimal digits spread over the whole range, and a suffix. */
const SPREAD = 0x9e3779b97f4a7c15n;
export function idOf(i: number): string {
  const start = BigInt.asUintN(64, BigInt(i + 1) * SPREAD)
    .toString(16)
    .padStart(16, "0");
  return `${start.repeat(4)}.${i.toString(36).padStart(6, "0").slice(-6)}`;
}

/**
 * Fills a store's file with copies of a visitor's entry under other ids, through SQLite itself: the store would need an
 * hour.
 */
function fill(path: string, template: string, from: number, to: number): void {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000");
    const row = database.prepare("SELECT version, expires, metadata, value FROM entries WHERE key = ?");
    const { version, expires, metadata, value } = row.get(`ec:${template}`) as {
      version: number;
      expires: number;
      metadata: string;
      value: string;
    };
    const insert = database.prepare("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?)");
    database.exec("BEGIN");
    // In the order of the keys, so that the tree grows at its end and pages are written once.
    const ids = Array.from({ length: to - from }, (_, i) => idOf(from + i)).sort();
    for (const id of ids) insert.run(`ec:${id}`, version, expires, metadata, value);
    database.exec("COMMIT");
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    database.close();
  }
}

const pages: Page[] = [];
let folder: string | null = null;

const SIZES = [1000, 10_000, 100_000, 1_000_000, 10_000_000];

/** Ids in the graph, in one file of SQLite. @param most ids */
export const graph = (most: number): Growth => ({
  name: "graph",
  title: "A page, by ids in the graph (SQLite)",
  x: "ids in the graph",
  explanation:
    "SQLite's own cache of 2 MB holds some 6,000 ids. Beyond it each read asks the operating system for pages, and for more of them as the tree of keys gets deeper: none at 1,000 ids, 0.7 a read at 10,000, 1.9 at 100,000, 3.2 at a million. (Read from the graph: the entry alone, without a page's request.)",
  sizes: SIZES.filter((size) => size <= most),
  async open(size) {
    console.error(`growth: filling a graph with ${size.toLocaleString("en")} ids`);
    folder ??= makeFolder(SIZES.filter((one) => one <= most).reduce((sum, one) => sum + one));
    const path = join(folder, `${size}.db`);
    const page = pageWith({ store: `sqlite:${path}` });
    pages.push(page);
    const own = await newVisitor(page);
    const template = own.slice("ts-ec=".length);
    // In parts: sorting ten million texts at once needs too much memory.
    const piece = 1_000_000;
    for (let from = 0; from < size; from += piece) {
      fill(path, template, from, Math.min(size, from + piece));
      await quiet(); // Signals are handled between the parts.
    }
    // In random order: neighbors would share pages.
    let chance = 1;
    const anyId = () => {
      chance = (Math.imul(chance, 1103515245) + 12345) >>> 0;
      return idOf(Math.floor((chance / 2 ** 32) * size));
    };
    return {
      "seen lately": {
        name: `${size}`,
        async run(times) {
          for (let i = 0; i < times; i++) await visit(page, own);
        },
      },
      "read from the graph": {
        name: `${size}, read`,
        async run(times) {
          // Directly from the graph: the service reads an entry only once in five minutes.
          const { graph } = page.service(undefined as never).services;
          for (let i = 0; i < times; i++) {
            const id = anyId();
            if ((await graph.get(id)) === null) throw new Error(`${id} is not there`);
          }
        },
      },
      "new visitor": {
        name: `${size}, new`,
        async run(times) {
          for (let i = 0; i < times; i++) await visit(page, "");
          await quiet();
        },
      },
    };
  },
  async close() {
    for (const page of pages) await page.close();
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  },
});
