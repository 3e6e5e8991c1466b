/**
 * What README.md shows of both tables: how many rows are reached, and the rows that say most.
 * @module
 */
import { countOf, describeGrasp, figuresOf, type GraspResults, verdictText } from "./grasp/report.ts";
import { markdownTable } from "./markdown-table.ts";
import { Runs } from "./provenance.ts";
import { hostsOf, type Results, versionsOf } from "./results.ts";
import { summary } from "./summary.ts";
import { TARGETS } from "./targets.ts";

/** Targets of the Edge Cookie, by name. */
const EDGE_COOKIE = ["mint", "take (flexible)", "page, memory", "identify", "batch sync", "cold start"];
/** Figures of GRASP: the row, and what the figure's name has. Sizes are not part of it. */
const GRASP: readonly (readonly [row: string, figure: RegExp])[] = [
  ["events", /^comments, 50 connections$/],
  ["query", /^by id, 50 connections$/],
  ["query", /^by #a, .* 50 connections$/],
  ["live", /^the last of/],
  ["info/refs", /^10 refs$/],
  ["clone", /^1 MiB, alone$/],
  ["clone, large", /^\d+ MiB, alone$/],
  ["clone, large", /^push of .* growth$/],
  ["push", /^1 MiB until served, p50$/],
  ["sync from a peer", /, from the push on$/],
  ["memory", /^with \d+ events$/],
  ["start", /^to ready/],
];

/** How many rows of both tables are reached. */
export function countsTable(edgeCookie: Results, grasp: GraspResults): string {
  const rows = hostsOf(edgeCookie).map((host) => {
    const shares = TARGETS.map((target) => target.judge(edgeCookie, host)?.share);
    const reached = shares.filter((share) => share !== undefined && share >= 1).length;
    const missed = shares.filter((share) => share !== undefined && share < 1).length;
    return [
      "the hot path, the engine, Edge Cookie",
      `${host} ${versionsOf(edgeCookie, host)}`,
      `${reached} reached`,
      `${missed} not reached`,
    ];
  });
  const counts = countOf(grasp);
  const versions = new Set(
    grasp.measured.map(
      ({ run }) => `Node ${run.versions.Node} beside ngit-grasp ${run.versions["ngit-grasp"]}`,
    ),
  );
  rows.push([
    "GRASP",
    [...versions].join(", "),
    `${counts.ahead} ahead, ${counts.equal} equal`,
    `${counts.behind} behind`,
  ]);
  return markdownTable([["part", "on", "rows", ""], ...rows]);
}

/** The telling rows of the Edge Cookie's table. */
export function tellingEdgeCookie(results: Results): string {
  return summary(
    results,
    TARGETS.filter(({ name }) => EDGE_COOKIE.includes(name)),
  );
}

/** The telling rows of GRASP's table. */
export function tellingGrasp({ measured }: GraspResults): string {
  const runs = new Runs();
  const chosen = GRASP.flatMap(([row, figure]) =>
    measured.filter((one) => one.row === row && figure.test(one.name)),
  );
  const lines = chosen.map((one) => [
    `${one.row}: ${one.name}`,
    ...figuresOf(one),
    verdictText(one),
    runs.letterOf(describeGrasp(one.run)),
  ]);
  return `${markdownTable([["GRASP", "millrace", "ngit-grasp", "verdict", "run"], ...lines])}\n\n${runs.legend()}`;
}
