/** Rows of the page's tables. On a small screen a row becomes a block, and each cell shows its column's title. */
import { type Child, el, find } from "./dom.ts";

/** Replaces a table's rows, or shows the note for an empty table. */
export function fillTable(selector: string, rows: HTMLElement[]): void {
  const table = find(selector);
  find("tbody", table).replaceChildren(...rows);
  table.hidden = rows.length === 0;
  find(`${selector} ~ .nothing`).hidden = rows.length > 0;
}

export const row = (...cells: HTMLElement[]) => el("tr", { role: "row" }, ...cells);
export const rowHead = (...content: Child[]) => el("th", { role: "rowheader", scope: "row" }, ...content);

/** A cell with a number. @param title the column's title on a small screen */
export const figure = (title: string | null, value: string) =>
  el("td", { role: "cell", class: value === "0" ? "figure zero" : "figure", "data-title": title }, value);

/** A cell with a drawing. The cells beside it have the same figures as text. */
export const graphic = (drawing: SVGElement) =>
  el("td", { class: "graphic", "aria-hidden": "true" }, drawing);
