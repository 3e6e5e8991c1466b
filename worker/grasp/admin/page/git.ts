/** The section about Git: requests, pushes, and the pool of processes. */

import { metricOf } from "../../../admin/figures.ts";
import { drawLines, stackedBar } from "../../../admin/page/chart.ts";
import { find, setText } from "../../../admin/page/dom.ts";
import { formatNumber } from "../../../admin/page/numbers.ts";
import type { View } from "../../../admin/page/panel.ts";
import { figure, fillTable, graphic, row, rowHead } from "../../../admin/page/table.ts";
import type { GraspStatus } from "../status.ts";
import { levelLine, rateLine, SECOND_MS } from "./lines.ts";

const SHARES: Record<GraspStatus["git"]["shares"][number]["share"], string> = {
  own: "what must finish",
  push: "pushes",
  read: "clones and fetches",
  fetch: "other servers",
  maintenance: "maintenance",
};

/** Draws the section. */
export function drawGit({ status, samples, nowMs }: View<GraspStatus>): void {
  const rate = (name: string, look: string, counter: "fetches" | "pushes" | "advertisements") =>
    rateLine(samples, name, look, counter, SECOND_MS);
  const requests = [
    rate("looks at refs", "first", "advertisements"),
    rate("clones and fetches", "second", "fetches"),
    rate("pushes", "third", "pushes"),
  ];
  const processes = [
    levelLine(samples, "running", "first", "running"),
    levelLine(samples, "requests that wait", "warm", "waitingForGit"),
  ];
  drawLines(find("#chart-git"), requests, "requests a second", nowMs);
  drawLines(find("#chart-processes"), processes, "processes or requests", nowMs);
  drawPool(status);
  drawPushes(status);
}

function drawPool({ git }: GraspStatus): void {
  setText(
    find("#pool-note"),
    `At most ${formatNumber(git.limit)} at once; ${formatNumber(git.refused)} requests found none in time since the start`,
  );
  const rows = git.shares.map(({ share, running, waiting }) =>
    row(
      rowHead(SHARES[share]),
      graphic(stackedBar([{ look: "first", value: running }], git.limit)),
      figure("running", formatNumber(running)),
      figure("waiting", formatNumber(waiting)),
    ),
  );
  find("#shares tbody").replaceChildren(...rows);
}

function drawPushes(status: GraspStatus): void {
  const counted = (metricOf(status, "grasp_push_decisions_total")?.series ?? [])
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value);
  fillTable(
    "#pushes",
    counted.map(({ labels, value }) => row(rowHead(labels.reason!), figure("number", formatNumber(value)))),
  );
}
