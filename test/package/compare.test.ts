/**
 * `npm run compare` with tiny sizes: that it measures both services beside the others and prints both tables, not how fast they are.
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findNgitGrasp } from "../../scripts/cargo-tools.ts";
import { latestGrasp } from "../bench/latest.ts";
import { provenanceHere } from "../bench/provenance.ts";
import { namespaceFault } from "../support/namespace.ts";
import { root } from "../support/spawn.ts";
import { runCommand } from "../support/start-program.ts";

const compare = (...args: string[]) =>
  runCommand({
    command: process.execPath,
    args: ["test/bench/compare.ts", ...args],
    cwd: root,
    timeoutMs: 480_000,
  });
const pages = () =>
  ["README.md", "docs/performance.md"].map((file) => readFileSync(join(root, file), "utf8"));

const why =
  findNgitGrasp() === null
    ? "ngit-grasp is not installed; node scripts/cargo-tools.ts installs it"
    : namespaceFault();

test.skipIf(why !== null)(
  `npm run compare measures both services, and prints both tables with this machine and day${why === null ? "" : ` (${why})`}`,
  async () => {
    const before = pages();
    const { code, stdout, all } = await compare("--size", "tiny", "edge-cookie", "grasp");
    expect(code, all).toBe(0);
    const { machine, date } = provenanceHere();
    const rowOf = (row: string, figure: string) =>
      stdout.split("\n").find((line) => line.startsWith(`| ${row} | ${figure} |`));
    expect(stdout).toContain(`${machine}, ${date}`);
    for (const [row, figure] of [
      ["live", "the last of 5 subscribers"],
      ["clone", "1 MiB, the last of 2"],
      ["memory", "after all rows, with 100 events"],
    ] as const) {
      expect(rowOf(row, figure), stdout).toMatch(/ (ahead|equal|behind)( \([\d.]+x\))? \| [a-z] \|$/);
    }
    for (const row of ["mint an EC id", "a page for a returning visitor, memory store"]) {
      expect(stdout).toContain(`| ${row} |`);
    }
    const { measured } = JSON.parse(readFileSync(join(root, "test/results/grasp.json"), "utf8"));
    expect(new Set(measured.map(({ run }: { run: object }) => JSON.stringify(run))).size).toBe(1);
    // Only --write changes the pages.
    expect(pages()).toEqual(before);
  },
  500_000,
);

test("npm run compare -- --show prints the last figures without measuring", async () => {
  const { code, stdout } = await compare("--show");
  expect(code).toBe(0);
  for (const { row, name } of latestGrasp().measured) expect(stdout).toContain(`| ${row} | ${name} |`);
});

test("npm run compare writes no figures of tiny sizes", async () => {
  expect((await compare("--size", "tiny", "--write")).code).toBe(2);
});
