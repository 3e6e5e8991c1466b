import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { Health, probesOf } from "../../../../worker/grasp/health.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { manualClock } from "../../../support/manual-clock.ts";

let folder: string;
let store: EventStore;
const clock = manualClock();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-health-"));
  store = sqliteEventStore({ path: join(folder, "grasp.db"), clock });
});
afterEach(async () => {
  await store.close().catch(() => {});
  rmSync(folder, { recursive: true, force: true });
});

test("all is well, and a probe leaves nothing in the database", async () => {
  expect(await new Health(probesOf(store, folder), clock).check()).toEqual({ status: "ok" });
  expect(store.intents()).toEqual([]);
});

test("what is down is named (O10)", async () => {
  await store.close();
  const health = new Health(probesOf(store, join(folder, "absent")), clock);
  expect(await health.check()).toEqual({ status: "down", down: ["database", "disk"] });
});

test("parts are looked at once a second at most", async () => {
  let looks = 0;
  const counting: Pick<EventStore, "transaction" | "intents"> = {
    intents: () => [],
    async transaction() {
      looks++;
      return undefined as never;
    },
  };
  const health = new Health(probesOf(counting, folder), clock);
  await Promise.all([health.check(), health.check(), health.check()]);
  expect(looks).toBe(1);
  clock.advance(1000);
  await health.check();
  expect(looks).toBe(2);
});
