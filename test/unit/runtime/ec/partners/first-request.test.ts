import { expect, test } from "vitest";
import type { Store } from "../../../../../runtime/platform.ts";
import { memoryStore } from "../../../../../runtime/stores/memory.ts";
import { manualClock } from "../../../../support/manual-clock.ts";
import { ADMIN_TOKEN, testService } from "../../../../support/service.ts";

/** A store whose listings come long after everything else has been answered. */
function lateListings(store: Store): Store {
  return {
    ...store,
    async list(...args) {
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      return store.list(...args);
    },
  };
}

test("the first request of an instance asks the partners that others have registered", async () => {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const there = testService({ clock, store });
  const registered = await there.ask("/_ts/admin/partners/register", {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({
      id: "ssp",
      pull_sync_enabled: true,
      pull_sync_url: "https://ssp.example/pull",
      pull_sync_allowed_domains: ["ssp.example"],
      pull_token: "token",
    }),
  });
  expect(registered.status).toBe(201);

  const here = testService({
    clock,
    store: lateListings(store),
    livesBetweenRequests: false,
    fetch: async () => Response.json({ uid: "u1" }),
  });
  const id = (await here.ask("/")).headers.get("x-ts-ec")!;
  await here.settled();
  expect(here.calls.map(({ url }) => new URL(url).hostname)).toEqual(["ssp.example"]);
  expect((await here.entry(id))?.ids.ssp?.uid).toBe("u1");
});
