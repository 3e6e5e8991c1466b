/** The section about repositories. */
import { el, find, setText } from "../../../admin/page/dom.ts";
import { formatBytes, formatDuration, formatNumber } from "../../../admin/page/numbers.ts";
import { figure, fillTable, row, rowHead } from "../../../admin/page/table.ts";
import type { GraspStatus, RepositoryStatus } from "../status.ts";
import { ago, cell, cut, idOf } from "./cells.ts";

const CHECKS: Record<NonNullable<RepositoryStatus["repair"]>, [text: string, look: string]> = {
  complete: ["complete", "good"],
  repaired: ["repaired", "warm"],
  incomplete: ["lacks objects", "bad"],
  failed: ["could not be checked", "bad"],
};

/** Draws the section. */
export function drawRepositories({ repositories, now_ms }: GraspStatus): void {
  const { count, bytes, repair, newest } = repositories;
  const { checked, repaired, incomplete, oldest_ms } = repair;
  const oldest = oldest_ms === null ? "" : `, the oldest check ${formatDuration(now_ms - oldest_ms)} ago`;
  setText(
    find("#repositories-note"),
    `${formatNumber(count)} repositories of ${formatBytes(bytes)}. Hourly repair: ${formatNumber(checked)} checks, ` +
      `${formatNumber(repaired)} repaired, ${formatNumber(incomplete)} incomplete${oldest}.`,
  );
  fillTable(
    "#newest",
    newest.map((repository) => repositoryRow(repository, now_ms)),
  );
}

function repositoryRow(
  { owner, identifier, name, announced_ms, bytes, repair }: RepositoryStatus,
  nowMs: number,
) {
  const [text, look] = repair === null ? ["not yet", null] : CHECKS[repair];
  return row(
    rowHead(cut(identifier), name === null || name === identifier ? null : el("small", {}, cut(name))),
    cell("owner", idOf(owner)),
    cell("announced", ago(announced_ms, nowMs)),
    figure("size", bytes === null ? "–" : formatBytes(bytes)),
    cell("last check", look === null ? null : el("i", { class: `dot ${look}` }), text),
  );
}
