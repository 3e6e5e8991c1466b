/**
 * What README.md and docs/performance.md show of the benches. All of it comes from the figures of `latest.ts`.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../support/spawn.ts";
import { coldTable } from "./cold-table.ts";
import { countsTable, tellingEdgeCookie, tellingGrasp } from "./compact.ts";
import { chartOf, countOf, type GraspResults, tableOf } from "./grasp/report.ts";
import { latestEdgeCookie, latestGrasp } from "./latest.ts";
import { between } from "./marks.ts";
import { proxyTables } from "./proxy/report.ts";
import type { Results } from "./results.ts";
import { summary, summaryChart } from "./summary.ts";
import { tables } from "./tables.ts";
import { workersTable } from "./workers/report.ts";

const README = "README.md";
const PAGE = "docs/performance.md";

/** GRASP's table, and how many rows are ahead, equal and behind. */
export function graspTable(results: GraspResults): string {
  const { ahead, equal, behind } = countOf(results);
  return `${tableOf(results)} Ahead ${ahead}, equal ${equal}, behind ${behind}.`;
}

/** Both tables, as `npm run compare` prints them. */
export function bothTables(edgeCookie: Results, grasp: GraspResults): string {
  return [
    "# The hot path, the engine and Edge Cookie",
    summary(edgeCookie),
    "# GRASP",
    graspTable(grasp),
    countsTable(edgeCookie, grasp),
  ].join("\n\n");
}

/** A part of a page, by the name of its marks. */
interface Part {
  readonly file: string;
  readonly mark: string;
  readonly content: string;
}

/** All parts of pages that show figures of the benches. */
export function partsOf(edgeCookie: Results, grasp: GraspResults): Part[] {
  const compact = [countsTable(edgeCookie, grasp), tellingEdgeCookie(edgeCookie), tellingGrasp(grasp)].join(
    "\n\n",
  );
  const ratios = [
    "![Measured, as a share of what is to be reached](performance/ratios.svg)",
    summary(edgeCookie),
    tables(edgeCookie),
  ].join("\n\n");
  const { coldStarts: cold, proxy, workers, provenance } = edgeCookie;
  return [
    { file: README, mark: "compare", content: compact },
    { file: PAGE, mark: "bench", content: ratios },
    ...(cold === undefined ? [] : [{ file: PAGE, mark: "hosts", content: coldTable(cold) }]),
    ...(proxy === undefined
      ? []
      : [{ file: PAGE, mark: "proxy", content: proxyTables(proxy, provenance.proxy ?? {}) }]),
    ...(workers === undefined
      ? []
      : [{ file: PAGE, mark: "workers", content: workersTable(workers, provenance.workers ?? {}) }]),
    {
      file: PAGE,
      mark: "grasp",
      content: `![millrace beside ngit-grasp](performance/grasp.svg)\n\n${graspTable(grasp)}`,
    },
  ];
}

/** Writes the last figures into the pages and the charts. @returns the files */
export function writeDocuments(): string[] {
  const [edgeCookie, grasp] = [latestEdgeCookie(), latestGrasp()];
  const texts: Record<string, string> = {
    "docs/performance/ratios.svg": summaryChart(edgeCookie),
    "docs/performance/grasp.svg": chartOf(grasp),
  };
  for (const { file, mark, content } of partsOf(edgeCookie, grasp)) {
    texts[file] = between(texts[file] ?? readFileSync(join(root, file), "utf8"), mark, content, file);
  }
  for (const [file, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return Object.keys(texts);
}
