import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { METRICS } from "../../../runtime/grasp/metrics.ts";
import { SYNC_METRICS } from "../../../runtime/grasp/purgatory-sync/metrics.ts";
import { plain, readPage } from "../../support/markdown.ts";
import { root } from "../../support/spawn.ts";

const page = readPage(readFileSync(join(root, "docs/grasp/operations.md"), "utf8"));

test("the page on GRASP's operation has every metric, its type and its labels", () => {
  const [own, sync] = page.tables.filter(({ columns }) => columns[0] === "metric");
  const rows = own!.rows.map(([name, type, labels]) => [plain(name!), type, plain(labels!)]);
  expect(rows).toEqual(
    METRICS.map(({ name, type, labels = {} }) => [name, type, Object.keys(labels).join(", ")]),
  );
  expect(sync!.rows.map(([name, type]) => [plain(name!), type])).toEqual(
    SYNC_METRICS.map(({ name, type }) => [name, type]),
  );
});
