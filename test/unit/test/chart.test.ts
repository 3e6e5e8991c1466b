import { expect, test } from "vitest";
import { barChart, lineChart } from "../../support/chart.ts";

const line = () =>
  lineChart({
    title: "A < B & C",
    x: { name: "size", scale: "log" },
    y: { name: "µs", scale: "linear" },
    series: [
      {
        name: "ours",
        points: [
          [10, 1],
          [1000, 2],
        ],
      },
    ],
    marks: [{ at: 100, text: "killed" }],
  });

test("a chart has a title and a background, and is deterministic", () => {
  const svg = line();
  expect(svg).toMatch(/^<svg [^>]*>\n<title>A &lt; B &amp; C<\/title>\n/);
  expect(svg).toContain('fill="#ffffff"');
  expect(svg).toContain(">killed</text>");
  expect(svg).not.toMatch(/<style|class=/);
  expect(line()).toBe(svg);
});

test("a bar chart leaves out missing figures", () => {
  const chart = (values: (number | null)[]) =>
    barChart({
      title: "bars",
      y: { name: "share", scale: "linear" },
      groups: ["one", "two"],
      series: [{ name: "Node", values }],
    });
  const bars = (svg: string) => svg.match(/fill="#0072b2"/g)?.length ?? 0;
  expect(bars(chart([1, null]))).toBe(bars(chart([1, 2])) - 1);
});
