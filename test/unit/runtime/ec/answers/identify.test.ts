import { describe, expect, test } from "vitest";
import { type Ask, type TestService, testService } from "../../../../support/service.ts";
import { CONFIGURED, newVisitor } from "../partners/support.ts";

const setUp = () => testService({ config: { partners: [CONFIGURED] } });
const identify = (t: TestService, id: string | null, ask: Ask = {}) =>
  t.ask("/identify", { ...ask, cookies: id === null ? {} : { "ts-ec": id } });

describe("the answer", () => {
  test("403 if consent does not allow an id, in every case", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    t.store.mode = "down";
    for (const answer of [
      await identify(t, id, { client: { country: "FR" } }),
      await identify(t, null, { client: { country: null } }),
      await identify(t, null, { client: { country: "FR" }, headers: { origin: "https://evil.example" } }),
    ]) {
      expect(answer.status).toBe(403);
      expect(await answer.json()).toEqual({ consent: "denied" });
      expect(answer.headers.get("cache-control")).toContain("private, no-store");
      expect([...answer.headers.keys()].filter((name) => name.startsWith("x-ts-"))).toEqual([]);
    }
  });

  test("204 without an id, and none is minted", async () => {
    const answer = await identify(setUp(), null);
    expect(answer.status).toBe(204);
    expect(await answer.text()).toBe("");
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("cache-control")).toBe("private, no-store");
  });

  test("200 with the ids of partners in the bidstream, in the body and in headers", async () => {
    const partners = [CONFIGURED, { id: "quiet", apiKey: "another-api-key-here" }];
    const t = testService({ config: { partners } });
    const id = await newVisitor(t);
    await t.services.graph.upsertPartnerId(id, "ssp_x", "u-1", 5);
    await t.services.graph.upsertPartnerId(id, "quiet", "q-1", 5);
    await t.services.graph.upsertPartnerId(id, "gone", "g-1", 5);
    const answer = await identify(t, id);
    expect(answer.status).toBe(200);
    const eids = [{ source: "ssp.example", uids: [{ id: "u-1", atype: 3 }] }];
    expect(await answer.json()).toEqual({
      ec: id,
      consent: "ok",
      degraded: false,
      uids: { ssp_x: "u-1" },
      eids,
    });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "cache-control": "private, no-store",
      vary: "Origin",
      "x-ts-ec": id,
      "x-ts-ec-consent": "ok",
      "x-ts-eids": btoa(JSON.stringify(eids)),
      "x-ts-ssp_x": "u-1",
    });
    for (const name of ["x-ts-quiet", "x-ts-gone", "x-ts-eids-truncated", "access-control-allow-origin"]) {
      expect(answer.headers.get(name)).toBeNull();
    }
  });

  test("the header's id takes precedence over the cookie's", async () => {
    const t = setUp();
    const [cookie, header] = [await newVisitor(t), t.mint()];
    const answer = await identify(t, cookie, { headers: { "x-ts-ec": header } });
    expect(await answer.json()).toMatchObject({ ec: header });
    expect(answer.headers.get("set-cookie")).toContain(header);
  });

  test("the 20 newest of many partners have headers, and x-ts-eids-truncated tells that not all ids fit", async () => {
    const partners = Array.from({ length: 60 }, (_, index) => ({
      id: `p${index}`,
      bidstreamEnabled: true,
      sourceDomain: `p${index}.example`,
    }));
    const t = testService({ config: { partners } });
    const id = await newVisitor(t);
    const uid = (index: number) => `${index}-${"u".repeat(60)}`;
    await t.services.graph.upsertPartnerIds(
      id,
      partners.map((partner, index) => ({ partner: partner.id, uid: uid(index), synced: index + 1 })),
    );
    const answer = await identify(t, id);
    const body = (await answer.json()) as { uids: Record<string, string>; eids: object[] };
    expect(Object.keys(body.uids)).toHaveLength(60);
    expect(body.eids).toHaveLength(60);
    const own = [...answer.headers.keys()].filter((name) => /^x-ts-p\d+$/.test(name));
    expect(own.sort()).toEqual(Array.from({ length: 20 }, (_, index) => `x-ts-p${59 - index}`).sort());
    expect(answer.headers.get("x-ts-eids-truncated")).toBe("true");
    expect(answer.headers.get("x-ts-eids")!.length).toBeLessThanOrEqual(4096);
    expect(JSON.parse(atob(answer.headers.get("x-ts-eids")!))[0]).toMatchObject({ source: "p59.example" });
  });

  test("a uid that a header cannot carry is only in the body", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    for (const [synced, uid] of [
      [5, "ünïcode"],
      [6, " blank "],
      [7, "漢字"],
    ] as const) {
      await t.services.graph.upsertPartnerId(id, "ssp_x", uid, synced);
      const answer = await identify(t, id);
      expect(answer.headers.get("x-ts-ssp_x")).toBeNull();
      expect(await answer.json()).toMatchObject({ uids: { ssp_x: uid } });
    }
  });

  test("200 without partners' ids for an unknown id and for a tombstone", async () => {
    const t = setUp();
    const unknown = t.mint("198.51.100.9");
    const answer = await identify(t, unknown);
    expect(await answer.json()).toMatchObject({ ec: unknown, degraded: false, uids: {}, eids: [] });
    expect(answer.headers.get("x-ts-eids")).toBeNull();
    await t.settled();
    expect(await t.entry(unknown)).toBeNull();

    const id = await newVisitor(t);
    await t.services.graph.upsertPartnerId(id, "ssp_x", "u-1", 5);
    await t.services.graph.tombstone(id, () => true);
    expect(await (await identify(t, id)).json()).toMatchObject({ ec: id, uids: {}, eids: [] });
  });

  test("degraded while the store is down or hangs, logged once; one read of a sound store", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    await t.services.registry.ready();
    t.store.asked.length = 0;
    await identify(t, id);
    expect(t.store.asked.filter(({ operation }) => operation === "get")).toEqual([
      { operation: "get", key: `ec:${id}` },
    ]);
    t.store.mode = "down";
    for (let time = 0; time < 3; time++) {
      const answer = await identify(t, id);
      expect(answer.status).toBe(200);
      expect(await answer.json()).toEqual({ ec: id, consent: "ok", degraded: true, uids: {}, eids: [] });
    }
    expect(t.log.filter((line) => line.includes("reading an identity failed"))).toHaveLength(1);
    t.store.mode = "hanging";
    const hanging = identify(t, id);
    await t.clock.settle(1000);
    expect(await (await hanging).json()).toMatchObject({ degraded: true });
  });
});

test.each([
  ["200", "JP", true],
  ["204", "JP", false],
  ["403", "FR", true],
] as const)(
  "%s is the same with an Origin and without, but for what CORS adds",
  async (status, country, hasId) => {
    const t = setUp();
    const id = hasId ? await newVisitor(t) : null;
    if (id !== null) await t.services.graph.upsertPartnerId(id, "ssp_x", "ü", 5);
    const seen = async (headers: Record<string, string>) => {
      const answer = await identify(t, id, { client: { country }, headers });
      expect(String(answer.status)).toBe(status);
      const own = [...answer.headers].filter(([name]) => !name.startsWith("access-control-"));
      return { own, body: await answer.text() };
    };
    expect(await seen({})).toEqual(await seen({ origin: "https://www.publisher.example" }));
  },
);

describe("other origins", () => {
  const PERMITTED = [
    "https://publisher.example",
    "https://www.publisher.example",
    "https://a.b.publisher.example:8443",
  ];
  const REFUSED = [
    "http://publisher.example",
    "https://evil.example",
    "https://publisher.example.evil.example",
    "https://notpublisher.example",
    "https://example",
    "null",
    "nonsense",
  ];

  test.each(PERMITTED)("%s may read, with credentials", async (origin) => {
    const t = setUp();
    const id = await newVisitor(t);
    await t.services.graph.upsertPartnerId(id, "ssp_x", "u-1", 5);
    const answer = await identify(t, id, { headers: { origin } });
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": "x-ts-ec, x-ts-ec-consent, x-ts-eids, x-ts-ssp_x",
      vary: "Origin",
    });
    // A refusal and an absence must be readable, too.
    const denied = await identify(t, null, { headers: { origin }, client: { country: "FR" } });
    expect(denied.headers.get("access-control-allow-origin")).toBe(origin);
    const none = await identify(t, null, { headers: { origin } });
    expect(none.headers.get("access-control-allow-origin")).toBe(origin);
  });

  test.each(REFUSED)("%s may not", async (origin) => {
    const t = setUp();
    const id = await newVisitor(t);
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await identify(t, id, { method, headers: { origin } });
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ error: "origin_not_allowed" });
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      expect(answer.headers.get("x-ts-ec")).toBeNull();
      expect(answer.headers.get("vary")).toBe("Origin");
    }
  });

  test("OPTIONS answers the preflight, which carries no cookie and no consent", async () => {
    const headers = { origin: PERMITTED[1]!, "access-control-request-method": "GET" };
    const answer = await identify(setUp(), null, { method: "OPTIONS", headers, client: { country: "FR" } });
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "access-control-allow-origin": PERMITTED[1],
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "GET",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "600",
      vary: "Origin",
    });
    expect((await identify(setUp(), null, { method: "OPTIONS" })).status).toBe(204);
  });
});
