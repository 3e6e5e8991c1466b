/** The figures at the top of the page, and the section about traffic. */

import { sumOf } from "../../../admin/figures.ts";
import { drawLines, stackedBar } from "../../../admin/page/chart.ts";
import { find, setText } from "../../../admin/page/dom.ts";
import { growthOf, lastOf, levelsOf, ratesOf } from "../../../admin/page/history.ts";
import { formatNumber, formatShare, formatShort } from "../../../admin/page/numbers.ts";
import type { View } from "../../../admin/page/panel.ts";
import { figure, fillTable, graphic, row, rowHead } from "../../../admin/page/table.ts";
import { type Counter, inFlightOf, type Level } from "../figures.ts";
import type { Status } from "../status.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

const JURISDICTIONS: Record<string, string> = {
  gdpr: "GDPR",
  "us-state": "US state law",
  "non-regulated": "No rules on ids",
  unknown: "Country not known",
};

/** Draws the figures, the charts, and consent by jurisdiction. */
export function drawOverview(view: View<Status>): void {
  drawTiles(view);
  drawCharts(view);
  drawConsent(view.status);
}

function drawTiles({ status, samples, recent }: View<Status>): void {
  const grown = (counter: Counter) => `${formatNumber(growthOf(samples, counter))} ${recent}`;
  const speed = (counter: Counter) => lastOf(ratesOf(samples, counter, SECOND_MS)) ?? 0;
  const visits = sumOf(status, "millrace_ec_consent_total");
  const allowed = sumOf(status, "millrace_ec_consent_total", { allowed: "true" });
  const pulls = sumOf(status, "millrace_pull_sync_total");
  const pulled = sumOf(status, "millrace_pull_sync_total", { outcome: "obtained" });
  const answered = sumOf(status, "millrace_ec_requests_total", { route: "organic" });
  const failures = sumOf(status, "millrace_ec_server_errors_total");

  tile("pages", formatNumber(speed("organic")), `${formatNumber(answered)} in all`);
  tile("minted", formatNumber(sumOf(status, "millrace_ec_minted_total")), grown("minted"));
  tile("consent", formatShare(allowed, visits), `${formatShort(allowed)} of ${formatShort(visits)} requests`);
  tile("pulled", formatNumber(pulled), `of ${formatNumber(pulls)} pulls`);
  tile("queued", formatNumber(status.sync.queued), `${formatNumber(inFlightOf(status))} requests in flight`);
  tile("errors", formatNumber(failures), grown("serverErrors"));
  find("#tile-errors").classList.toggle("alarm", growthOf(samples, "serverErrors") > 0);
}

function tile(name: string, value: string, note: string): void {
  const element = find(`#tile-${name}`);
  setText(find("b", element), value);
  setText(find("small", element), note);
}

function drawCharts({ samples, nowMs }: View<Status>): void {
  const rate = (name: string, look: string, counter: Counter, perMs: number) => ({
    name,
    look,
    points: ratesOf(samples, counter, perMs),
  });
  const level = (name: string, look: string, of: Level) => ({ name, look, points: levelsOf(samples, of) });
  const requests = [
    rate("pages of the site", "first", "organic", SECOND_MS),
    rate("sync, identify, auction", "second", "service", SECOND_MS),
    rate("API, with this page", "third", "api", SECOND_MS),
  ];
  const minted = [rate("new ids", "first", "minted", MINUTE_MS)];
  const queue = [
    level("waiting or in progress", "first", "queued"),
    level("requests in flight", "second", "inFlight"),
  ];
  const errors = [
    rate("responses with status 500 or above", "bad", "serverErrors", MINUTE_MS),
    rate("failed store operations", "warm", "storeErrors", MINUTE_MS),
    rate("warnings and errors logged", "cool", "faults", MINUTE_MS),
  ];
  drawLines(find("#chart-requests"), requests, "requests a second", nowMs);
  drawLines(find("#chart-minted"), minted, "ids a minute", nowMs);
  drawLines(find("#chart-queue"), queue, "ids or requests", nowMs);
  drawLines(find("#chart-errors"), errors, "a minute", nowMs);
}

function drawConsent(status: Status): void {
  const counted = Object.entries(JURISDICTIONS).map(([jurisdiction, title]) => ({
    title,
    yes: sumOf(status, "millrace_ec_consent_total", { jurisdiction, allowed: "true" }),
    no: sumOf(status, "millrace_ec_consent_total", { jurisdiction, allowed: "false" }),
  }));
  const most = Math.max(...counted.map(({ yes, no }) => yes + no));
  const rows = counted
    .filter(({ yes, no }) => yes + no > 0)
    .map(({ title, yes, no }) => {
      const parts = [
        { look: "good", value: yes },
        { look: "bad", value: no },
      ];
      return row(
        rowHead(title),
        graphic(stackedBar(parts, most)),
        figure("allowed", formatNumber(yes)),
        figure("refused", formatNumber(no)),
      );
    });
  fillTable("#consent", rows);
}
