import { expect, test } from "vitest";
import { testService } from "../../../support/service.ts";

const WAITING = 50;

test("an outage of the store is logged once for all waiting ids, and failures once for each partner", async () => {
  let status = 200;
  const partner = {
    id: "slow",
    pullSyncEnabled: true,
    pullSyncUrl: "https://slow.example/pull",
    pullSyncAllowedDomains: ["slow.example"],
    pullToken: "token",
    maxPerMinute: 1,
  };
  const t = testService({
    config: { partners: [partner] },
    fetch: async () => Response.json({ uid: "u" }, { status }),
  });
  const warnings = () => t.log.map((line) => JSON.parse(line)).filter(({ level }) => level === "warn");
  for (let n = 0; n <= WAITING; n++) await t.ask("/", { client: { ip: `203.0.113.${n}` } });
  await t.settled();
  expect(t.services.inspectSync().queued).toBe(WAITING);

  t.store.mode = "down";
  await t.clock.settle(50_000);
  expect(warnings()).toMatchObject([{ event: "look-up-failed" }]);
  await t.clock.settle(20_000);
  const [, summary, ...more] = warnings();
  expect(summary.repeats).toBeGreaterThanOrEqual(WAITING);
  expect(more).toEqual([]);

  t.store.mode = "sound";
  status = 500;
  const before = warnings().length;
  await t.clock.settle(5 * 60_000);
  const failures = warnings()
    .slice(before)
    .filter(({ outcome }) => outcome === "failed");
  expect(failures.length).toBeGreaterThanOrEqual(3);
  await t.service.close();
});
