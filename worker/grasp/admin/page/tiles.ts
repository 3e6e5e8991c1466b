/** The figures at the top of the page. */

import { sumOf } from "../../../admin/figures.ts";
import { find, setText } from "../../../admin/page/dom.ts";
import { growthOf } from "../../../admin/page/history.ts";
import { formatBytes, formatDuration, formatNumber } from "../../../admin/page/numbers.ts";
import type { View } from "../../../admin/page/panel.ts";
import { type Counter, figuresOf, runningOf, waitingOf } from "../figures.ts";
import type { GraspStatus } from "../status.ts";

export function drawTiles({ status, samples, recent }: View<GraspStatus>): void {
  const { purgatory, repositories, git, relays, free_bytes, now_ms } = status;
  const { counters, levels } = figuresOf(status);
  const grown = (counter: Counter) => `${formatNumber(growthOf(samples, counter))} ${recent}`;
  const oldest = purgatory.oldest_ms;
  const { incomplete, oldest_ms } = repositories.repair;

  tile(
    "waiting",
    waitingOf(status),
    oldest === null ? "nothing" : `since ${formatDuration(now_ms - oldest)}`,
  );
  tile("released", counters.released, grown("released"));
  tile(
    "repositories",
    repositories.count,
    incomplete > 0
      ? `${formatNumber(incomplete)} incomplete`
      : oldest_ms === null
        ? "not checked yet"
        : "all complete at their last check",
  );
  tile("connections", status.connections, `${formatNumber(status.subscriptions)} subscriptions`);
  tile(
    "processes",
    runningOf(status),
    `of ${formatNumber(git.limit)}; ${formatNumber(levels.waitingForGit)} wait`,
  );
  tile(
    "relays",
    relays?.connected ?? null,
    relays === null ? "none is followed" : `of ${formatNumber(relays.tracked)}`,
  );
  setText(find("#tile-free b"), free_bytes === null ? "–" : formatBytes(free_bytes));
  setText(find("#tile-free small"), `database ${formatBytes(sumOf(status, "grasp_database_bytes"))}`);
  tile("errors", counters.failures, grown("failures"));
  find("#tile-errors").classList.toggle("alarm", growthOf(samples, "failures") > 0);
  find("#tile-repositories").classList.toggle("alarm", incomplete > 0);
}

function tile(name: string, value: number | null, note: string): void {
  const element = find(`#tile-${name}`);
  setText(find("b", element), value === null ? "–" : formatNumber(value));
  setText(find("small", element), note);
}
