/** The section about sync: pulls by partner, and the domains that the engine works with. */

import { metricOf, sumOf } from "../../../admin/figures.ts";
import { stackedBar } from "../../../admin/page/chart.ts";
import { find, setText } from "../../../admin/page/dom.ts";
import { drawDomains } from "../../../admin/page/domains.ts";
import { formatBytes, formatNumber } from "../../../admin/page/numbers.ts";
import { figure, fillTable, graphic, row, rowHead } from "../../../admin/page/table.ts";
import type { Status } from "../status.ts";

/** Maximum number of partners with a row of their own, the busiest first. The others share one row. */
const MAX_PARTNER_ROWS = 10;

/** The outcomes of a pull: the metric's label, the column's title, and the colour. */
const OUTCOMES: [outcome: string, title: string, look: string][] = [
  ["obtained", "obtained", "good"],
  ["none", "has none", "plain"],
  ["failed", "failed", "bad"],
  ["limited", "they limit", "warm"],
  ["rate_limited", "we limit", "cool"],
  ["misconfigured", "misconfigured", "odd"],
];

type Counts = Map<string, number>;

/** Draws the section. */
export function drawSync(status: Status): void {
  drawPulls(status);
  drawDomains(status.sync);
  drawTotals(status);
}

function drawPulls(status: Status): void {
  const shown = busiest(pullsByPartner(status));
  const most = Math.max(0, ...shown.map(([, counts]) => totalOf(counts)));
  const rows = shown.map(([partner, counts]) => {
    const parts = OUTCOMES.map(([outcome, , look]) => ({ look, value: counts.get(outcome) ?? 0 }));
    const figures = OUTCOMES.map(([outcome, title]) => figure(title, formatNumber(counts.get(outcome) ?? 0)));
    return row(rowHead(partner), graphic(stackedBar(parts, most)), ...figures);
  });
  fillTable("#pulls", rows);
}

function pullsByPartner(status: Status): Map<string, Counts> {
  const byPartner = new Map<string, Counts>();
  for (const { labels, value } of metricOf(status, "millrace_pull_sync_total")?.series ?? []) {
    const counts = byPartner.get(labels.partner!) ?? new Map<string, number>();
    addTo(counts, labels.outcome!, value);
    byPartner.set(labels.partner!, counts);
  }
  return byPartner;
}

/** The busiest partners, and one entry with the sums of the others. */
function busiest(byPartner: Map<string, Counts>): [string, Counts][] {
  const sorted = [...byPartner].sort(([, a], [, b]) => totalOf(b) - totalOf(a));
  const others = sorted.slice(MAX_PARTNER_ROWS);
  if (others.length === 0) return sorted;
  const sums: Counts = new Map();
  for (const [, counts] of others) for (const [outcome, value] of counts) addTo(sums, outcome, value);
  return [...sorted.slice(0, MAX_PARTNER_ROWS), [`${others.length} others`, sums]];
}

function addTo(counts: Counts, outcome: string, value: number): void {
  counts.set(outcome, (counts.get(outcome) ?? 0) + value);
}

const totalOf = (counts: Counts) => [...counts.values()].reduce((sum, value) => sum + value, 0);

function drawTotals(status: Status): void {
  const total = (name: string) => formatNumber(sumOf(status, name));
  const { keys, max_keys, bytes, refused } = status.windows;
  setText(
    find("#sync-totals"),
    `Since the start: ${total("millrace_sync_attempts_total")} attempts, ${total("millrace_sync_completed_total")} ids completed, ` +
      `${total("millrace_sync_expired_total")} expired, ${total("millrace_sync_refused_total")} refused. ` +
      `Rate-limit windows: ${formatNumber(keys)} of ${formatNumber(max_keys)} in use, ${formatBytes(bytes)}` +
      `${refused > 0 ? `; the table was full ${formatNumber(refused)} times` : ""}.`,
  );
}
