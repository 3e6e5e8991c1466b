import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as schedule from "../../../../runtime/sync/schedule.ts";
import { readPage } from "../../../support/markdown.ts";
import { root } from "../../../support/spawn.ts";

/** Has the compiler look at the example too. */
export type Example = typeof import("../../../../examples/sync-engine/main.ts");

const text = readFileSync(join(root, "docs/sync-engine.md"), "utf8");

test("the page's example is the file that is run", () => {
  const blocks = readPage(text).blocks.filter(({ language }) => language === "ts");
  expect(blocks.map(({ info }) => info)).toEqual(["examples/sync-engine/main.ts"]);
  expect(blocks[0]!.text).toBe(readFileSync(join(root, blocks[0]!.info), "utf8"));
});

test("the page's figures are the engine's", () => {
  const { DELAYS_MS, backoffMs, EXPIRY_MS, DEFAULT_LIMITS, FAILURES_TO_REST, restMs, ABORT_GRACE_MS } =
    schedule;
  const seconds = (ms: number) => ms / 1000;
  expect([1, 2, 3, 4, 5].map((attempts) => seconds(backoffMs(attempts)))).toEqual([20, 40, 80, 120, 120]);
  expect(text).toContain("20, 40, 80, then always 120 s");
  expect(text).toContain(`\`DELAYS_MS.default\`, ${seconds(DELAYS_MS.default)} s`);
  expect(text).toContain(`\`DELAYS_MS.immediate\`, ${DELAYS_MS.immediate} ms`);
  expect(text).toContain(`${EXPIRY_MS / 60_000} minutes after the last arrival`);
  const { maxConcurrent, maxPerMinute } = DEFAULT_LIMITS;
  expect(text).toContain(
    `asked by ${maxConcurrent} fetches at once and ${maxPerMinute} times in any 60 seconds`,
  );
  expect(FAILURES_TO_REST).toBe(5);
  expect(text).toContain("fails five times in a row");
  expect(text).toContain(
    `${seconds(restMs(1))} seconds, doubling each time up to ${restMs(99) / 60_000} minutes`,
  );
  expect(ABORT_GRACE_MS).toBe(500);
  expect(text).toContain("counted for half a second more");
});
