import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeMetrics } from "../../../runtime/ec/metrics.ts";
import { createMetrics } from "../../../runtime/observe/metrics.ts";
import { plain, readPage } from "../../support/markdown.ts";
import { root } from "../../support/spawn.ts";

const page = readPage(readFileSync(join(root, "docs/operate/operator-guide.md"), "utf8"));
const rowsOf = (first: string) =>
  page.tables.find(({ columns }) => columns[0] === first)!.rows.map((row) => row.map(plain));

test("the guide for operators lists every store with its traits", () => {
  const folder = join(root, "runtime/stores");
  const traits = readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), "utf8");
    const found = /traits: \{ name: "(.+)", readAfterWrite: (\w+), durable: (\w+), shared: (\w+) \}/.exec(
      text,
    );
    return found === null
      ? []
      : [found.slice(1).map((value) => ({ true: "yes", false: "no" })[value] ?? value)];
  });
  expect(traits.length).toBeGreaterThan(2);
  expect(
    rowsOf("store")
      .map(([name, , ...promises]) => [name, ...promises])
      .sort(),
  ).toEqual(traits.sort());
});

test("every metric in the guide for operators exists", () => {
  const metrics = createMetrics();
  describeMetrics(metrics);
  const known = metrics.snapshot().map(({ name }) => name);
  const named = rowsOf("metric").flatMap(([names]) => names!.split(", "));
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});
