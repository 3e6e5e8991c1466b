/**
 * Charts as SVG, drawn by echarts without a browser, and as PNG by one.
 * @module
 */
import * as echarts from "echarts";
import { launchChromium } from "./chromium.ts";

/** One axis. */
export interface Axis {
  /** What it measures, with its unit. */
  name: string;
  scale: "linear" | "log";
}

/** A chart of lines. */
export interface LineChart {
  title: string;
  subtitle?: string;
  x: Axis;
  y: Axis;
  series: { name: string; points: readonly (readonly [x: number, y: number])[] }[];
  /** Vertical lines at moments that explain the curve. */
  marks?: { at: number; text: string }[];
}

/** A chart of bars in groups. */
export interface BarChart {
  title: string;
  subtitle?: string;
  /** What the bars measure, with its unit. */
  y: Axis;
  groups: readonly string[];
  /** `null`: not measured. */
  series: { name: string; values: readonly (number | null)[] }[];
  /** A horizontal line to reach. */
  target?: { at: number; text: string };
}

const WIDTH = 860;
const HEIGHT = 460;
const INK = "#1d2b33";
const FAINT = "#dde5e8";
/** Distinct for people with color blindness (Okabe and Ito), and by their symbols. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9"];
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "arrow", "pin"];

const text = { color: INK, fontFamily: "system-ui, 'Liberation Sans', Arial, sans-serif" };
const label = { ...text, fontSize: 13 };

const axis = ({ name, scale }: Axis, gap: number) => ({
  type: scale === "log" ? ("log" as const) : ("value" as const),
  name,
  nameLocation: "middle" as const,
  nameGap: gap,
  nameTextStyle: label,
  axisLabel: { ...label, formatter: short },
  axisLine: { show: true, lineStyle: { color: INK } },
  splitLine: { lineStyle: { color: FAINT } },
});

/** 1,000 as `1k`, a million as `1M`. */
function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 1e4) return `${value / 1e3}k`;
  return String(Number(value.toPrecision(6)));
}

function common({ title, subtitle }: { title: string; subtitle?: string }) {
  return {
    animation: false,
    // A background of its own: the page around it may be light or dark.
    backgroundColor: "#ffffff",
    color: COLOURS,
    textStyle: text,
    title: {
      text: title,
      subtext: subtitle ?? "",
      left: 16,
      top: 12,
      textStyle: { ...text, fontSize: 18, fontWeight: "bold" as const },
      subtextStyle: { ...text, fontSize: 13 },
    },
    legend: { top: 66, left: 16, textStyle: label, itemGap: 30 },
    grid: { left: 84, right: 36, top: 112, bottom: 64 },
  };
}

function render(title: string, option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  try {
    chart.setOption(option);
    const svg = chart
      .renderToSVGString({ useViewBox: true })
      // Removes the pointer's names, which count up: a picture has no pointer and must be deterministic.
      .replace(/<style[\s\S]*?<\/style>\n?/, "")
      .replace(/ class="zr[^"]*"/g, "")
      .replace(/zr\d+-/g, "zr-");
    const escaped = title.replace(/&/g, "&amp;").replace(/</g, "&lt;");
    return `${svg.replace(/>\n?/, `>\n<title>${escaped}</title>\n`)}\n`;
  } finally {
    chart.dispose();
  }
}

/** Draws lines through points; returns SVG. */
export function lineChart(chart: LineChart): string {
  const markLine = {
    symbol: "none",
    silent: true,
    lineStyle: { color: "#7a8a92", type: "dashed" as const },
    label: { ...label, fontSize: 11, rotate: 90, position: "insideEndTop" as const },
    data: (chart.marks ?? []).map(({ at, text }) => ({ xAxis: at, label: { formatter: text } })),
  };
  // Hundreds of samples are a curve; a few sizes are points.
  const isDense = chart.series.some(({ points }) => points.length > 60);
  return render(chart.title, {
    ...common(chart),
    xAxis: { ...axis(chart.x, 38), min: "dataMin", max: "dataMax" },
    yAxis: { ...axis(chart.y, 58), ...(chart.y.scale === "linear" ? { min: 0 } : {}) },
    series: chart.series.map(({ name, points }, i) => ({
      type: "line",
      name,
      data: points.map((point) => [...point]),
      symbol: SYMBOLS[i % SYMBOLS.length],
      symbolSize: 9,
      showSymbol: !isDense,
      lineStyle: { width: 2 },
      ...(i === 0 && markLine.data.length > 0 ? { markLine } : {}),
    })),
  });
}

/** Draws bars beside each other; returns SVG. */
export function barChart(chart: BarChart): string {
  const markLine = chart.target && {
    symbol: "none",
    silent: true,
    lineStyle: { color: INK, type: "dashed" as const, width: 2 },
    label: { ...label, formatter: chart.target.text, position: "end" as const },
    data: [{ yAxis: chart.target.at }],
  };
  return render(chart.title, {
    ...common(chart),
    grid: { ...common(chart).grid, bottom: 84, ...(chart.target && { right: 84 }) },
    xAxis: {
      type: "category",
      data: [...chart.groups],
      axisLabel: { ...label, interval: 0, width: (WIDTH - 180) / chart.groups.length, overflow: "break" },
      axisLine: { lineStyle: { color: INK } },
    },
    yAxis: axis(chart.y, 58),
    series: chart.series.map(({ name, values }, i) => ({
      type: "bar",
      name,
      data: values.map((value) => value ?? "-"),
      barGap: "8%",
      ...(i === 0 && markLine ? { markLine } : {}),
    })),
  });
}

/** Renders an SVG at twice its size. */
export async function toPng(svg: string): Promise<Uint8Array> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({
      viewport: { width: WIDTH, height: HEIGHT },
      deviceScaleFactor: 2,
    });
    page.setDefaultTimeout(20_000);
    await page.setContent(`<style>body{margin:0}svg{display:block;width:${WIDTH}px}</style>${svg}`);
    return await page.screenshot();
  } finally {
    await browser.close();
  }
}
