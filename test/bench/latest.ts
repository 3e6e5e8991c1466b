/**
 * The figures that README.md and docs/performance.md show. Only `--write` changes them.
 * @module
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "../support/spawn.ts";
import type { GraspResults } from "./grasp/report.ts";
import type { Results } from "./results.ts";

const EDGE_COOKIE = join(root, "test/bench/latest.json");
const GRASP = join(root, "test/bench/grasp/latest.json");

const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));
const FORMATTER = join(root, "test/node_modules/@biomejs/biome/bin/biome");

/** Writes as `npm run check` wants it. */
function save(file: string, results: object): void {
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  execFileSync(process.execPath, [FORMATTER, "format", "--write", file], { cwd: root, stdio: "ignore" });
}

/** The last figures of the Edge Cookie, the hot path and the engine. */
export const latestEdgeCookie = (): Results => read(EDGE_COOKIE);
export const saveEdgeCookie = (results: Results): void => save(EDGE_COOKIE, results);

/** The last figures of GRASP. */
export const latestGrasp = (): GraspResults => read(GRASP);
export const saveGrasp = (results: GraspResults): void => save(GRASP, results);
