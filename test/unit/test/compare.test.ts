import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { partsOf } from "../../bench/documents.ts";
import { latestEdgeCookie, latestGrasp } from "../../bench/latest.ts";
import { entriesOf, notReached, withoutEntry, writtenEntries } from "../../bench/not-reached.ts";
import { hostsOf } from "../../bench/results.ts";
import { root } from "../../support/spawn.ts";

const [edgeCookie, grasp] = [latestEdgeCookie(), latestGrasp()];

describe("README.md and docs/performance.md show the last figures of the benches, as --write wrote them", () => {
  test.each(partsOf(edgeCookie, grasp))("$file, $mark", ({ file, mark, content }) => {
    const text = readFileSync(join(root, file), "utf8");
    expect(text).toContain(`<!-- ${mark}:start -->\n${content}\n<!-- ${mark}:end -->`);
  });
});

describe("rows that are not reached", () => {
  test("each has an entry in docs/performance.md", () => {
    expect(withoutEntry(notReached(edgeCookie, grasp), writtenEntries())).toEqual([]);
  });

  test("each entry has rows, a profile, what was tried, and what comes next", () => {
    const entries = writtenEntries();
    expect(entries.length).toBeGreaterThan(0);
    for (const { rows, ...texts } of entries) {
      expect(rows).not.toEqual([]);
      for (const text of Object.values(texts)) expect(text, rows.join()).toMatch(/\w{3}/);
    }
  });

  test("are all that the pages mark as such", () => {
    const page = readFileSync(join(root, "docs/performance.md"), "utf8");
    const marked =
      [...page.matchAll(/ ✗ \|/g)].length +
      [...page.matchAll(/\| (behind|not measured on millrace) /g)].length +
      // The table of cold starts. Its first hosts are in the table of ratios, too.
      [...page.matchAll(/^\| ([^|]+) \|.*\(reach: \d+ ms\) \|$/gm)].filter(
        ([, host]) => !hostsOf(edgeCookie).includes(host!),
      ).length;
    expect(marked).toBe(notReached(edgeCookie, grasp).length);
  });

  test("a name of an entry stands for one row; * is any text", () => {
    const entries = entriesOf(
      "| not reached | the profile | what was tried | next |\n| --- | --- | --- | --- |\n| `a: b`, `c*: d` | p | t | n |\n\n| `e` | x |",
    );
    expect(entries).toEqual([{ rows: ["a: b", "c*: d"], profile: "p", tried: "t", next: "n" }]);
    expect(withoutEntry(["a: b", "a: bc", "c (d): d", "e"], entries)).toEqual(["a: bc", "e"]);
  });
});
