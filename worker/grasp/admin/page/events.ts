/** The section about events: how they were answered, and what happened last. */

import { metricOf } from "../../../admin/figures.ts";
import { drawLines } from "../../../admin/page/chart.ts";
import { el, find } from "../../../admin/page/dom.ts";
import { formatNumber } from "../../../admin/page/numbers.ts";
import type { View } from "../../../admin/page/panel.ts";
import { figure, fillTable, row, rowHead } from "../../../admin/page/table.ts";
import type { GraspStatus, RecentStatus } from "../status.ts";
import { ago, cell } from "./cells.ts";
import { MINUTE_MS, rateLine } from "./lines.ts";

const LOOKS: Record<RecentStatus["level"], string> = {
  debug: "plain",
  info: "good",
  warn: "warm",
  error: "bad",
};

/** An npub with its name before it; its beginning is enough to recognise it. */
const NPUB = /npub (npub1\w{9})\w+/g;

/** Draws the section. */
export function drawEvents({ status, samples, nowMs }: View<GraspStatus>): void {
  const rate = (name: string, look: string, counter: "stored" | "waits" | "duplicate" | "refused") =>
    rateLine(samples, name, look, counter, MINUTE_MS);
  const lines = [
    rate("stored", "good", "stored"),
    rate("wait", "warm", "waits"),
    rate("known already", "cool", "duplicate"),
    rate("refused", "bad", "refused"),
  ];
  drawLines(find("#chart-events"), lines, "events a minute", nowMs);
  const refused = (metricOf(status, "grasp_events_refused_total")?.series ?? [])
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value);
  fillTable(
    "#refused",
    refused.map(({ labels, value }) => row(rowHead(labels.reason!), figure("events", formatNumber(value)))),
  );
  fillTable(
    "#recent",
    status.recent.map(({ at_ms, level, message, details }) =>
      row(
        cell(null, ago(at_ms, status.now_ms)),
        rowHead(el("i", { class: `dot ${LOOKS[level]}`, title: level }), message),
        cell(null, details.replaceAll(NPUB, "$1…")),
      ),
    ),
  );
}
