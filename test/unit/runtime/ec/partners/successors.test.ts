import { expect, test } from "vitest";
import { memoryStore } from "../../../../../runtime/stores/memory.ts";
import { manualClock } from "../../../../support/manual-clock.ts";
import { operator, type TestService, testService } from "../../../../support/service.ts";
import { KEY, newVisitor, PARTNER, register, upload } from "./support.ts";

const OTHER_KEY = "the-api-key-of-another";
const PULLER = {
  ...PARTNER,
  pull_sync_enabled: true,
  pull_sync_url: "https://pull.ssp.example/",
  pull_sync_allowed_domains: ["pull.ssp.example"],
  pull_token: "token",
};

const remove = (t: TestService) =>
  t.ask(`/_ts/admin/partners/${PARTNER.id}`, { method: "DELETE", headers: operator });

const uidsOf = async (t: TestService, id: string) => {
  const answer = await t.ask("/identify", { cookies: { "ts-ec": id } });
  return {
    ...((await answer.json()) as { uids: object; eids: object[] }),
    header: answer.headers.get("x-ts-ssp_x"),
  };
};

// Safe first, section 6: a partner removed, another registered under its id.
test("a partner with a removed partner's id inherits no uid, and may upload older ones", async () => {
  const t = testService();
  await register(t, PARTNER);
  const id = await newVisitor(t);
  const nowSeconds = t.clock.now() / 1000;
  await upload(t, [{ ec_id: id, partner_uid: "old-uid", timestamp: nowSeconds + 3000 }]);
  expect(await uidsOf(t, id)).toMatchObject({ uids: { ssp_x: "old-uid" }, header: "old-uid" });

  expect((await remove(t)).status).toBe(204);
  expect(await uidsOf(t, id)).toMatchObject({ uids: {}, eids: [], header: null });
  expect((await register(t, { ...PARTNER, name: "Another", api_key: OTHER_KEY })).status).toBe(201);
  expect(await uidsOf(t, id)).toMatchObject({ uids: {}, eids: [], header: null });

  const answer = await upload(t, [{ ec_id: id, partner_uid: "new-uid", timestamp: 7 }], OTHER_KEY);
  expect(await answer.json()).toMatchObject({ accepted: 1 });
  expect(await uidsOf(t, id)).toMatchObject({ uids: { ssp_x: "new-uid" } });
});

test("the same for /auction", async () => {
  const t = testService({
    config: { auction: { endpoint: "https://pbs.example/" } },
    fetch: async () => new Response("{}"),
  });
  await register(t, PARTNER);
  const id = await newVisitor(t);
  await upload(t, [{ ec_id: id, partner_uid: "old-uid", timestamp: 7 }]);
  await remove(t);
  await register(t, PARTNER);
  await t.ask("/auction", { method: "POST", body: "{}", cookies: { "ts-ec": id } });
  expect(t.calls.at(-1)!.init.body).not.toContain("old-uid");
});

test("a pulling partner is due for a uid that only its predecessor gave", async () => {
  const t = testService({ fetch: async () => new Response('{"uid":"pulled"}') });
  await register(t, PARTNER);
  const id = await newVisitor(t);
  await upload(t, [{ ec_id: id, partner_uid: "old-uid", timestamp: t.clock.now() / 1000 }]);
  await remove(t);
  await register(t, PULLER);
  await t.ask("/", { cookies: { "ts-ec": id } });
  await t.settled();
  expect(t.calls).toHaveLength(1);
  expect(await uidsOf(t, id)).toMatchObject({ uids: { ssp_x: "pulled" } });
});

test("an answer to a pull that began before the removal counts for the removed partner", async () => {
  let answerPull: (response: Response) => void = () => {};
  const t = testService({
    fetch: () =>
      new Promise((resolve) => {
        answerPull = resolve;
      }),
  });
  await register(t, PULLER);
  const id = (await t.ask("/")).headers.get("x-ts-ec")!;
  await t.clock.settle(0);
  expect(t.calls).toHaveLength(1);
  await remove(t);
  await register(t, PARTNER);
  answerPull(new Response('{"uid":"old-uid"}'));
  await t.clock.settle(0);
  await t.settled();
  expect(await uidsOf(t, id)).toMatchObject({ uids: {} });
});

test("a change of a record keeps the partner's uids; each removal counts, on every instance", async () => {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const [one, other] = [testService({ clock, store }), testService({ clock, store })];
  await register(one, PARTNER);
  const id = await newVisitor(one);
  for (const round of ["first", "second", "third"]) {
    await upload(one, [{ ec_id: id, partner_uid: round, timestamp: 7 }], KEY);
    expect((await register(one, { id: PARTNER.id, name: `Name ${round}` })).status).toBe(200);
    clock.advance(6000);
    await other.ask("/_ts/health");
    await other.settled();
    for (const t of [one, other]) expect(await uidsOf(t, id)).toMatchObject({ uids: { ssp_x: round } });
    await remove(other);
    clock.advance(6000);
    await one.ask("/_ts/health");
    await one.settled();
    expect((await register(other, PARTNER)).status).toBe(201);
    clock.advance(6000);
    await one.ask("/_ts/health");
    await one.settled();
    for (const t of [one, other]) expect(await uidsOf(t, id)).toMatchObject({ uids: {} });
  }
});

test("a generation cannot be set or read over the API", async () => {
  const t = testService();
  await register(t, PARTNER);
  await remove(t);
  const answer = await register(t, { ...PARTNER, generation: 9 });
  expect(answer.status).toBe(400);
  const created = await register(t, PARTNER);
  expect(await created.json()).not.toHaveProperty("generation");
});
