/** Cells of the panel's tables. Foreign texts are shown as text, and cut. */
import { type Child, el, find, setText } from "../../../admin/page/dom.ts";
import { formatDuration, formatNumber } from "../../../admin/page/numbers.ts";

/** Longest foreign text that is shown, in characters. */
const MAX_TEXT = 120;

/** A cell. @param title the column's title on a small screen */
export const cell = (title: string | null, ...content: Child[]) =>
  el("td", { role: "cell", "data-title": title }, ...content);

/** An id or npub: shown in part, selected as a whole. */
export const idOf = (text: string) => el("code", { class: "id", title: text }, text);

/** A foreign text, cut. */
export function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** A time in the past: "3 min 5 s ago". */
export const ago = (ms: number, nowMs: number) => `${formatDuration(nowMs - ms)} ago`;

/** A time to come: "in 3 min 5 s", or "now". */
export const until = (ms: number, nowMs: number) =>
  ms <= nowMs ? "now" : `in ${formatDuration(Math.max(1000, ms - nowMs))}`;

/** Says how many rows a table leaves out. */
export function drawLeftOut(selector: string, count: number, what: string): void {
  find(selector).hidden = count === 0;
  setText(find(selector), `${formatNumber(count)} more ${what} are not shown.`);
}
