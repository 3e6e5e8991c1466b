/** The end of a service. Safe first, section 5: one slow thing stops everything. */
import { expect, test } from "vitest";
import { testService } from "../../../support/service.ts";

test("close returns although the store never answers", async () => {
  const t = testService();
  t.store.mode = "hanging";
  const page = t.ask("/");
  await t.clock.settle(250);
  expect((await page).status).toBe(200);
  let isClosed = false;
  const closing = t.service.close().then(() => {
    isClosed = true;
  });
  await t.clock.settle(4000);
  expect(isClosed).toBe(false);
  await t.clock.settle(500);
  await closing;
});

test("close waits for a write that is under way", async () => {
  const t = testService();
  let finish = (): void => {};
  const { put } = t.store;
  t.store.put = async (...args) => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return put(...args);
  };
  const page = t.ask("/");
  await t.clock.settle(250);
  await page;
  let isClosed = false;
  const closing = t.service.close().then(() => {
    isClosed = true;
  });
  await t.clock.settle(100);
  expect(isClosed).toBe(false);
  finish();
  await t.clock.settle(100);
  await closing;
});
