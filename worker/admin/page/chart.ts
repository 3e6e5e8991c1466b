/** Charts as SVG. Each has a description for screen readers, and a table with the same figures. */

import { SPAN_MS } from "../figures.ts";
import { el, find, setText, svg } from "./dom.ts";
import { lastOf, type Point, summaryOf } from "./history.ts";
import { formatNumber, formatSeconds, formatShort, ticksTo } from "./numbers.ts";

const HEIGHT = 190;
const MARGIN = { top: 10, right: 14, bottom: 26, left: 46 };
const MINUTE_MS = 60_000;
/** Width of a label below an axis, with its margin. */
const LABEL_WIDTH = 60;

/** One line. `look` names its colour and dashes in the style. */
export interface Line {
  name: string;
  look: string;
  points: readonly Point[];
}

/** The drawing area of a figure. */
interface Canvas {
  width: number;
  plotWidth: number;
  plotHeight: number;
  /** Replaces the drawing. */
  show(drawing: SVGElement[], label: string): void;
}

function canvasOf(figure: HTMLElement): Canvas {
  const place = find(".drawing", figure);
  const width = Math.max(260, place.clientWidth);
  return {
    width,
    plotWidth: width - MARGIN.left - MARGIN.right,
    plotHeight: HEIGHT - MARGIN.top - MARGIN.bottom,
    show(drawing, label) {
      const inner = svg("g", { transform: `translate(${MARGIN.left} ${MARGIN.top})` }, ...drawing);
      const attributes = { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img" };
      place.replaceChildren(svg("svg", { ...attributes, "aria-label": label }, inner));
    },
  };
}

/** Grid lines with their values; the lowest is the axis. */
function valueAxis(ticks: readonly number[], { plotWidth, plotHeight }: Canvas): SVGElement[] {
  const max = ticks.at(-1)!;
  return ticks.flatMap((tick) => {
    const y = plotHeight * (1 - tick / max);
    return [
      svg("line", { class: tick === 0 ? "axis" : "grid", x1: 0, x2: plotWidth, y1: y, y2: y }),
      svg("text", { x: -8, y: y + 4, "text-anchor": "end" }, formatShort(tick)),
    ];
  });
}

function timeAxis({ plotWidth, plotHeight }: Canvas): SVGElement[] {
  const minutes = SPAN_MS / MINUTE_MS;
  const step = Math.ceil((minutes * LABEL_WIDTH) / plotWidth);
  const labels: SVGElement[] = [];
  for (let ago = 0; ago <= minutes; ago += step) {
    const anchor = ago === minutes ? "start" : ago === 0 ? "end" : "middle";
    const text = ago === 0 ? "now" : `−${ago} min`;
    const x = plotWidth * (1 - ago / minutes);
    labels.push(svg("text", { x, y: plotHeight + 19, "text-anchor": anchor }, text));
  }
  return labels;
}

/** A path through the points, interrupted where the value is unknown. */
function pathOf(points: readonly Point[], x: (atMs: number) => number, y: (value: number) => number): string {
  let path = "";
  let isOpen = false;
  for (const { atMs, value } of points) {
    if (value !== null) path += `${isOpen ? "L" : "M"}${x(atMs).toFixed(1)} ${y(value).toFixed(1)}`;
    isOpen = value !== null;
  }
  return path;
}

/** Describes the lines for screen readers. */
function describe(lines: readonly Line[], unit: string): string {
  return lines
    .map(({ name, points }) => {
      const summary = summaryOf(points);
      if (summary === null) return `${name}: no value yet`;
      const [now, mean, max] = [lastOf(points) ?? 0, summary.mean, summary.max].map(formatNumber);
      return `${name}: now ${now}, on average ${mean}, at most ${max} ${unit}`;
    })
    .join("; ");
}

/**
 * Draws lines over the last minutes.
 * @param unit of the values, as in "12 requests a second"
 */
export function drawLines(figure: HTMLElement, lines: readonly Line[], unit: string, nowMs: number): void {
  const canvas = canvasOf(figure);
  const { plotWidth, plotHeight } = canvas;
  const highest = Math.max(...lines.map(({ points }) => summaryOf(points)?.max ?? 0));
  const ticks = ticksTo(Math.max(highest, 1));
  const x = (atMs: number) => plotWidth * (1 - (nowMs - atMs) / SPAN_MS);
  const y = (value: number) => plotHeight * (1 - value / ticks.at(-1)!);
  const drawn = lines.map(({ look, points }) =>
    svg("path", { class: `line ${look}`, d: pathOf(points, x, y) }),
  );
  const label = `The last five minutes. ${describe(lines, unit)}.`;
  canvas.show([...valueAxis(ticks, canvas), ...timeAxis(canvas), ...drawn], label);
  drawKey(
    figure,
    lines.map(({ name, look, points }) => ({ name, look, value: lastOf(points) })),
  );
  drawMinutes(figure, lines, nowMs);
}

/** Draws the key: the name and the current value of each line. */
function drawKey(
  figure: HTMLElement,
  entries: readonly { name: string; look: string; value: number | null }[],
): void {
  const list = find(".key", figure);
  if (list.childElementCount !== entries.length) {
    list.replaceChildren(
      ...entries.map(({ name, look }) => el("li", {}, swatch(look), `${name} `, el("b", {}, ""))),
    );
  }
  entries.forEach(({ value }, index) => {
    setText(find("b", list.children[index]!), value === null ? "–" : formatNumber(value));
  });
}

/** A sample of a line for the key. */
function swatch(look: string): SVGElement {
  const line = svg("path", { class: `line ${look}`, d: "M0 6H22" });
  return svg(
    "svg",
    { class: "swatch", viewBox: "0 0 22 12", width: 22, height: 12, "aria-hidden": "true" },
    line,
  );
}

/** Draws the table of figures by minute, only while it is open. */
function drawMinutes(figure: HTMLElement, lines: readonly Line[], nowMs: number): void {
  const details = find<HTMLDetailsElement>("details", figure);
  if (!details.open) return;
  const rows = Array.from({ length: SPAN_MS / MINUTE_MS }, (_, ago) => {
    const cells = lines.map(({ points }) => {
      const age = ({ atMs }: Point) => nowMs - atMs;
      const minute = points.filter((point) => Math.floor(age(point) / MINUTE_MS) === ago);
      const summary = summaryOf(minute);
      return el("td", {}, summary === null ? "–" : formatNumber(summary.mean));
    });
    const title = ago === 0 ? "the last minute" : `${ago} to ${ago + 1} min ago`;
    return el("tr", {}, el("th", { scope: "row" }, title), ...cells);
  });
  const head = lines.map(({ name }) => el("th", { scope: "col" }, name));
  const columns = el("tr", {}, el("th", { scope: "col" }, "average of"), ...head);
  find("table", details).replaceChildren(el("thead", {}, columns), el("tbody", {}, ...rows));
}

/** One part of a stacked bar. */
export interface Part {
  look: string;
  value: number;
}

/** A stacked bar. Its length is the share of the parts in `whole`. The caller shows the same figures as text. */
export function stackedBar(parts: readonly Part[], whole: number): SVGElement {
  let at = 0;
  const drawn = parts
    .filter(({ value }) => value > 0)
    .map(({ look, value }) => {
      const width = (value / whole) * 100;
      const part = svg("rect", { class: `part ${look}`, x: `${at}%`, width: `${width}%`, height: "100%" });
      at += width;
      return part;
    });
  return svg("svg", { class: "stack", "aria-hidden": "true" }, ...drawn);
}

/** One layer of a histogram: its counts by bucket. */
export interface Stack {
  name: string;
  look: string;
  counts: readonly number[];
}

/**
 * Draws a distribution of times.
 * @param bounds upper bounds of the buckets, in seconds; the last bucket has none
 */
export function drawDistribution(
  figure: HTMLElement,
  stacks: readonly Stack[],
  bounds: readonly number[],
): void {
  const canvas = canvasOf(figure);
  const { plotWidth, plotHeight } = canvas;
  const totals = Array.from({ length: bounds.length + 1 }, (_, bucket) =>
    stacks.reduce((sum, { counts }) => sum + (counts[bucket] ?? 0), 0),
  );
  const ticks = ticksTo(Math.max(4, ...totals));
  const step = plotWidth / totals.length;
  const gap = Math.min(2, step * 0.15);
  const bars = totals.flatMap((_, bucket) => {
    let below = 0;
    return stacks.flatMap(({ look, counts }) => {
      const count = counts[bucket] ?? 0;
      const height = (count / ticks.at(-1)!) * plotHeight;
      below += height;
      if (count === 0) return [];
      const place = { x: bucket * step + gap / 2, y: plotHeight - below, width: step - gap, height };
      return [svg("rect", { class: `part ${look}`, ...place })];
    });
  });
  let labelledTo = Number.NEGATIVE_INFINITY;
  const edges = bounds.flatMap((bound, index) => {
    const x = (index + 1) * step;
    const power = Math.log10(bound);
    if (Math.abs(power - Math.round(power)) > 1e-9) return [];
    const mark = svg("line", { class: "axis", x1: x, x2: x, y1: plotHeight, y2: plotHeight + 4 });
    if (x - LABEL_WIDTH / 2 < labelledTo) return [mark];
    labelledTo = x + LABEL_WIDTH / 2;
    return [mark, svg("text", { x, y: plotHeight + 19, "text-anchor": "middle" }, formatSeconds(bound))];
  });
  const all = totals.reduce((sum, count) => sum + count, 0);
  const label = `${formatNumber(all)} operations of the store in the last five minutes, by how long they took. The table below has the figures.`;
  canvas.show([...valueAxis(ticks, canvas), ...bars, ...edges], label);
}
