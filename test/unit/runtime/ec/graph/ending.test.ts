import { expect, test } from "vitest";
import { FOREIGN_ENDINGS } from "../../../../../runtime/ec/graph/ending.ts";
import { minimalEntry } from "../../../../../runtime/ec/graph/entry.ts";
import { MAX_COOKIE_IDS } from "../../../../../runtime/ec/request/context.ts";
import { type Ask, type TestService, testService } from "../../../../support/service.ts";
import { newVisitor } from "../partners/support.ts";

const GPC = { "sec-gpc": "1" };
const STRANGER = { ip: "198.51.100.66" };

/** Ids of as many visitors, each at home at another address, all known to the graph. */
async function collected(t: TestService, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => t.mint(`203.0.${i >> 8}.${i & 255}`));
  await Promise.all(ids.map((id) => t.services.graph.createOrRevive(id, minimalEntry(1_800_000_000))));
  return ids;
}

/** A request that opts out with ids of its sender's choice. */
async function optOut(t: TestService, ids: readonly string[], ask: Ask = {}): Promise<Response> {
  const cookie = ids.map((id) => `ts-ec=${id}`).join("; ");
  const response = await t.ask("/", { headers: { ...GPC, cookie }, ...ask });
  await t.settled();
  return response;
}

async function alive(t: TestService, ids: readonly string[]): Promise<number> {
  const entries = await Promise.all(ids.map((id) => t.entry(id)));
  return entries.filter((entry) => entry?.consent.ok).length;
}

const refused = (t: TestService) =>
  /millrace_ec_endings_refused_total\{what="withdrawal"\} (\d+)/.exec(t.services.metrics.text())?.[1];

// Safe first, section 6: a known id sent from anywhere with GPC.
test("an address that collected 10,000 ids can end 20 of them, and the others stay", async () => {
  const t = testService();
  const ids = await collected(t, 10_000);
  for (let at = 0; at < ids.length; at += MAX_COOKIE_IDS) {
    const answer = await optOut(t, ids.slice(at, at + MAX_COOKIE_IDS), { client: STRANGER });
    expect(answer.headers.get("set-cookie")).toContain("Max-Age=0");
  }
  expect(FOREIGN_ENDINGS.limit).toBe(20);
  expect(await alive(t, ids)).toBe(9980);
  expect(refused(t)).toBe("9980");
});

test("the limit also counts ids of the header, and deletions", async () => {
  const t = testService();
  const ids = await collected(t, 60);
  const cookies = { "ts-ec": "malformed" };
  for (const id of ids.slice(0, 15)) {
    await t.ask("/", { headers: { ...GPC, "x-ts-ec": id }, cookies, client: STRANGER });
  }
  await t.settled();
  expect(await alive(t, ids)).toBe(45);
  const statuses: number[] = [];
  for (const id of ids.slice(15, 30)) {
    const ask = { method: "DELETE", cookies: { "ts-ec": id }, client: STRANGER };
    const answer = await t.ask("/_ts/api/v1/identity", ask);
    statuses.push(answer.status);
    if (answer.status === 429) {
      expect(answer.headers.get("set-cookie")).toBeNull();
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    }
  }
  await t.settled();
  expect(statuses).toEqual([...new Array(5).fill(204), ...new Array(10).fill(429)]);
  expect(await alive(t, ids)).toBe(40);
});

test("after an hour 20 more can be ended, and each address has its own limit", async () => {
  const t = testService();
  const ids = await collected(t, 80);
  for (const id of ids.slice(0, 30)) await optOut(t, [id], { client: STRANGER });
  expect(await alive(t, ids)).toBe(60);
  for (const id of ids.slice(30, 35)) await optOut(t, [id], { client: { ip: "198.51.100.67" } });
  expect(await alive(t, ids)).toBe(55);
  t.clock.advance(FOREIGN_ENDINGS.windowMs);
  for (const id of ids.slice(35, 65)) await optOut(t, [id], { client: STRANGER });
  expect(await alive(t, ids)).toBe(35);
});

test("an address past its limit can still withdraw an id that it minted", async () => {
  const t = testService();
  const ids = await collected(t, 40);
  const own = await newVisitor(t, { client: STRANGER });
  for (const id of ids) await optOut(t, [id], { client: STRANGER });
  await optOut(t, [own], { client: STRANGER });
  expect((await t.entry(own))?.consent.ok).toBe(false);
});

test("a refused withdrawal keeps the id's queued work", async () => {
  const t = testService({
    config: {
      partners: [
        {
          id: "slow",
          pullSyncEnabled: true,
          pullSyncUrl: "https://slow.example/pull",
          pullSyncAllowedDomains: ["slow.example"],
          pullToken: "token",
          maxPerMinute: 1,
        },
      ],
    },
    fetch: async () => new Response('{"uid":null}'),
  });
  await newVisitor(t); // takes the minute's one request
  const waiting = await newVisitor(t, { client: { ip: "203.0.113.9" } });
  const queued = () => t.services.inspectSync().queued;
  expect(queued()).toBe(1);
  for (const id of await collected(t, 20)) await optOut(t, [id], { client: STRANGER });
  await optOut(t, [waiting], { client: STRANGER });
  expect(queued()).toBe(1);
  await optOut(t, [waiting], { client: { ip: "203.0.113.9" } });
  expect(queued()).toBe(0);
});

// Safe first, section 6: two valid cookies, then withdrawal or deletion.
test.each(["withdrawal", "deletion"])(
  "%s: the entries of all of a request's ids go, whatever their order",
  async (how) => {
    for (const reversed of [false, true]) {
      const t = testService();
      const ids = [await newVisitor(t), await newVisitor(t), await newVisitor(t)];
      const sent = reversed ? ids.toReversed() : ids;
      const cookie = ["ts-ec=malformed", ...sent.map((id) => `ts-ec=${id}`), `ts-ec=${ids[0]}`].join("; ");
      const answer =
        how === "deletion"
          ? await t.ask("/_ts/api/v1/identity", { method: "DELETE", headers: { cookie } })
          : await t.ask("/", { headers: { ...GPC, cookie } });
      await t.settled();
      expect(answer.headers.get("set-cookie")).toContain("Max-Age=0");
      expect(await alive(t, ids)).toBe(0);
      expect((await t.entry(ids[0]!)) === null).toBe(how === "deletion");
    }
  },
);

test("a withdrawal ends the header's id and the ids of two cookies", async () => {
  const t = testService();
  const ids = [await newVisitor(t), await newVisitor(t), await newVisitor(t)];
  await optOut(t, ids.slice(0, 2), {
    headers: { ...GPC, "x-ts-ec": ids[2]!, cookie: `ts-ec=${ids[0]}; ts-ec=${ids[1]}` },
  });
  expect(await alive(t, ids)).toBe(0);
});

test("only the first ids of a thousand cookies in one request are read", async () => {
  const t = testService();
  const ids = Array.from({ length: 800 }, () => t.mint());
  await optOut(t, ids);
  const asked = new Set(t.store.asked.map(({ key }) => key).filter((key) => key.startsWith("ec:")));
  expect(asked.size).toBe(MAX_COOKIE_IDS);
});

test("with withdrawal 'explicit', the cookie and the entry stay unless a readable signal refuses", async () => {
  const t = testService({ config: { consent: { withdrawal: "explicit" } } });
  const id = await newVisitor(t);
  for (const cookie of [`ts-ec=${id}`, `ts-ec=${id}; euconsent-v2=garbage`]) {
    const answer = await t.ask("/identify", { headers: { cookie }, client: { country: "FR" } });
    await t.settled();
    expect(answer.status).toBe(403);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("x-ts-ec")).toBeNull();
    expect(await alive(t, [id])).toBe(1);
  }
  const answer = await optOut(t, [id], { client: { country: "FR" } });
  expect(answer.headers.get("set-cookie")).toContain("Max-Age=0");
  expect(await alive(t, [id])).toBe(0);
});
