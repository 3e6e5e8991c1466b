/**
 * The rows of both tables and of the cold starts that are not reached, and what docs/performance.md says about each: the profile, what was tried, and what
 * comes next.
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/spawn.ts";
import { type GraspResults, verdictOf } from "./grasp/report.ts";
import { hostsOf, type Results } from "./results.ts";
import { TARGETS } from "./targets.ts";

/** What is said about some rows. */
export interface Entry {
  /** Names of rows; `*` is any text. */
  readonly rows: readonly string[];
  readonly profile: string;
  readonly tried: string;
  readonly next: string;
}

const HEAD = "| not reached | the profile | what was tried | next |";

/** Names of the rows that are not reached: `target: host` and `row: figure`. Cold starts have more hosts than the other targets. */
export function notReached(edgeCookie: Results, grasp: GraspResults): string[] {
  const coldHosts = edgeCookie.coldStarts?.map(({ host }) => host) ?? [];
  const missed = TARGETS.flatMap((target) =>
    [...new Set([...hostsOf(edgeCookie), ...(target.name === "cold start" ? coldHosts : [])])]
      .filter((host) => (target.judge(edgeCookie, host)?.share ?? 1) < 1)
      .map((host) => `${target.name}: ${host}`),
  );
  const behind = grasp.measured.filter((one) => verdictOf(one) === "behind");
  const failed = grasp.missing.filter(({ server }) => server === "millrace");
  return [
    ...missed,
    ...behind.map(({ row, name }) => `${row}: ${name}`),
    ...failed.map(({ row, server }) => `${row}: not measured on ${server}`),
  ];
}

/** Reads the entries of a page: the rows of its tables with the columns of an entry. */
export function entriesOf(page: string): Entry[] {
  const entries: Entry[] = [];
  let isEntry = false;
  for (const line of page.split("\n")) {
    if (line === HEAD) isEntry = true;
    else if (!line.startsWith("|")) isEntry = false;
    else if (isEntry && !line.startsWith("| ---")) {
      const [rows, profile, tried, next] = line
        .slice(1, -1)
        .split(" | ")
        .map((cell) => cell.trim());
      const names = [...rows!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
      entries.push({ rows: names, profile: profile ?? "", tried: tried ?? "", next: next ?? "" });
    }
  }
  return entries;
}

/** The entries of docs/performance.md. */
export const writtenEntries = (): Entry[] =>
  entriesOf(readFileSync(join(root, "docs/performance.md"), "utf8"));

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** The rows without an entry. */
export function withoutEntry(rows: readonly string[], entries: readonly Entry[]): string[] {
  const patterns = entries.flatMap((entry) =>
    entry.rows.map((name) => new RegExp(`^${name.split("*").map(escaped).join(".*")}$`)),
  );
  return rows.filter((row) => !patterns.some((pattern) => pattern.test(row)));
}
