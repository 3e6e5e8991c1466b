/** The section about purgatory: what waits, for what, until when, and who was asked. */
import { drawLines } from "../../../admin/page/chart.ts";
import { el, find } from "../../../admin/page/dom.ts";
import { formatNumber } from "../../../admin/page/numbers.ts";
import type { View } from "../../../admin/page/panel.ts";
import { fillTable, row, rowHead } from "../../../admin/page/table.ts";
import type { AskedStatus, GraspStatus, WaitingStatus } from "../status.ts";
import { ago, cell, cut, drawLeftOut, idOf, until } from "./cells.ts";
import { levelLine, MINUTE_MS, rateLine } from "./lines.ts";

const KINDS: Record<WaitingStatus["store"], string> = {
  announcement: "Announcement",
  state: "State",
  pr: "Pull request",
  placeholder: "Upload",
};

/** Draws the section. */
export function drawPurgatory({ status, samples, nowMs }: View<GraspStatus>): void {
  const { entries, entries_left_out } = status.purgatory;
  fillTable(
    "#waiting",
    entries.map((entry) => entryRow(entry, status.now_ms)),
  );
  drawLeftOut("#waiting-left-out", entries_left_out, "entries");
  const levels = [
    levelLine(samples, "announcements", "first", "announcements"),
    levelLine(samples, "states", "second", "states"),
    levelLine(samples, "pull requests", "third", "pullRequests"),
    levelLine(samples, "uploads", "warm", "uploads"),
  ];
  const ends = [
    rateLine(samples, "released", "good", "released", MINUTE_MS),
    rateLine(samples, "expired", "bad", "expired", MINUTE_MS),
    rateLine(samples, "ended otherwise", "cool", "otherEnds", MINUTE_MS),
  ];
  drawLines(find("#chart-waiting"), levels, "entries", nowMs);
  drawLines(find("#chart-left"), ends, "entries a minute", nowMs);
}

function entryRow(entry: WaitingStatus, nowMs: number): HTMLElement {
  const { store, identifiers, author, id, since_ms, until_ms, source, is_soft_expired } = entry;
  return row(
    rowHead(
      cut(identifiers.join(", ")),
      el("small", {}, `${KINDS[store]} `, idOf(id)),
      author === null ? null : el("small", {}, "by ", idOf(author)),
    ),
    cell("waits for", waitsFor(entry), missingOf(entry)),
    cell(
      "since",
      ago(since_ms, nowMs),
      el("small", {}, source === "direct" ? "a client sent it" : "sync brought it"),
    ),
    cell(
      "ends",
      until(until_ms, nowMs),
      is_soft_expired ? el("small", {}, "expired once; its repository is gone") : null,
    ),
    cell("asked last", ...askedOf(entry, nowMs)),
  );
}

function waitsFor({ store, named, missing }: WaitingStatus): string {
  if (store === "announcement") return "a state with its Git data";
  if (store === "placeholder") return "its event";
  if (missing === null) return named === 0 ? "its turn" : `some of ${objects(named)}; not looked at yet`;
  return missing === 0
    ? `nothing of its ${objects(named)}: those may lack others`
    : `${formatNumber(missing)} of ${objects(named)}`;
}

const objects = (count: number) => `${formatNumber(count)} object${count === 1 ? "" : "s"}`;

function missingOf({ missing, missing_ids }: WaitingStatus): HTMLElement | null {
  const [first] = missing_ids;
  if (first === undefined || missing === null) return null;
  const more = missing > 1 ? ` and ${formatNumber(missing - 1)} more` : "";
  return el("small", {}, idOf(first), more);
}

function askedOf({ store, asked, asked_left_out, is_queued }: WaitingStatus, nowMs: number) {
  const [last] = asked;
  if (last === undefined) {
    const isFetched = store === "state" || store === "pr";
    return [isFetched && is_queued ? "not yet; it is in the queue" : "nobody"];
  }
  const others = asked.length - 1 + asked_left_out;
  return [
    hostOf(last.url),
    el("small", {}, `${ago(last.at_ms, nowMs)}: ${answerOf(last)}`),
    others === 0
      ? null
      : el("small", {}, `and ${formatNumber(others)} more server${others === 1 ? "" : "s"}`),
  ];
}

function answerOf({ outcome, answer, objects: count }: AskedStatus): string {
  if (outcome === null) return "being asked";
  if (answer !== null) return cut(answer);
  return count > 0 ? `brought ${objects(count)}` : outcome;
}

/** The host of a foreign URL. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : cut(url);
}
