/**
 * The contract suites of what Cloudflare has, on real Durable Objects in workerd.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { durableObjectSuites } from "../contract/durable-object-suites.ts";
import { startWorker, type Worker } from "../support/workerd.ts";

const suites = durableObjectSuites(() => {
  throw new Error("the cases run inside workerd");
});
const cases = suites.flatMap(([suite, list]) => list.map(({ name }) => ({ suite, name })));

describe("contract suites on cloudflare", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  let worker: Worker;

  const start = () =>
    startWorker({
      entry: `export { default, Tested } from "./test/contract/durable-object-service.ts";`,
      className: "Tested",
      persist: folder,
    });

  const ask = async (path: string) => JSON.parse(await worker.read(path));

  beforeAll(async () => {
    worker = await start();
  });

  afterAll(async () => {
    await worker?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(cases.map((one, number) => ({ ...one, number })))("$suite $name", async ({ name, number }) => {
    expect(await ask(`/${number}`)).toEqual({ name, fault: null });
  });

  test("concurrent requests that update one entry lose no update, also across a restart", async () => {
    const members = Array.from({ length: 200 }, (_, n) => `${n}`);
    await Promise.all(members.map((member) => ask(`/add?member=${member}`)));
    expect((await ask("/members")).toSorted()).toEqual(members.toSorted());
    await worker.stop();
    worker = await start();
    expect((await ask("/members")).toSorted()).toEqual(members.toSorted());
  });

  test("an alarm removes expired entries once an hour while there are entries that expire", async () => {
    const hour = 3_600_000;
    expect(await ask("/sweep")).toEqual([
      { rows: 0, alarmInMs: null },
      { rows: 4, alarmInMs: hour },
      { rows: 2, alarmInMs: hour },
      { rows: 1, alarmInMs: 0 },
      { rows: 1, alarmInMs: -hour },
    ]);
  });
});
