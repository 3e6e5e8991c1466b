import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as face from "../../../../runtime/sync/index.ts";
import * as schedule from "../../../../runtime/sync/schedule.ts";
import { readPage } from "../../../support/markdown.ts";
import { root } from "../../../support/spawn.ts";

/** Has the compiler check the example, too. */
export type Example = typeof import("../../../../examples/sync-engine/main.ts");

const page = readPage(readFileSync(join(root, "docs/engine.md"), "utf8"));
const scripts = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;

test("the page's example is the file that is run", () => {
  const blocks = page.blocks.filter(({ language }) => language === "ts");
  expect(blocks.map(({ info }) => info)).toEqual(["examples/sync-engine/main.ts"]);
  expect(blocks[0]!.text).toBe(readFileSync(join(root, blocks[0]!.info), "utf8"));
});

test("the example and the page import names that millrace/sync exports", () => {
  const imports = page.blocks.flatMap(({ text }) => [
    ...text.matchAll(/import \{([^}]*)\} from "millrace\/sync"/g),
  ]);
  expect(imports.length).toBe(2);
  const names = imports.flatMap(([, list]) => list!.split(",").map((name) => name.trim()));
  for (const name of names.filter((name) => name !== "" && !name.startsWith("type "))) {
    expect(face).toHaveProperty(name);
  }
});

test("the page's figures are the engine's", () => {
  const table = page.tables.find(({ under }) => under.at(-1) === "Figures")!;
  const numbersOf = (cell: string) => (cell.match(/[\d.]+/g) ?? []).map(Number);
  const seconds = (...ms: number[]) => ms.map((value) => value / 1000);
  const { DELAYS_MS, DEFAULT_LIMITS, backoffMs, restMs } = schedule;
  expect(table.rows.map(([, value]) => numbersOf(value!))).toEqual([
    seconds(DELAYS_MS.default),
    seconds(DELAYS_MS.immediate),
    seconds(...[1, 2, 3, 4, 5].map(backoffMs)),
    seconds(schedule.EXPIRY_MS),
    seconds(schedule.MAX_PROLONGED_MS),
    [DEFAULT_LIMITS.maxConcurrent],
    [DEFAULT_LIMITS.maxPerMinute],
    [],
    [1],
    [schedule.MAX_QUEUED],
    seconds(schedule.IDLE_TIMEOUT_MS),
    seconds(schedule.TOTAL_TIMEOUT_MS),
    seconds(schedule.LOOK_TIMEOUT_MS),
    seconds(schedule.ABORT_GRACE_MS),
    [schedule.LEASE_TTL_SECONDS],
    [schedule.FAILURES_TO_REST],
    seconds(restMs(1), restMs(99)),
    seconds(schedule.ASKED_REST_MS),
  ]);
});

test("the page's commands exist", () => {
  const commands = page.codes.flatMap((code) => /^npm run (\S+)/.exec(code)?.[1] ?? []);
  expect(commands).toEqual(["demo:sync", "simulate:sync"]);
  for (const command of commands) expect(scripts).toHaveProperty(command);
});
