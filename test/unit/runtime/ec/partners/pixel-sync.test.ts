import { describe, expect, test } from "vitest";
import { gppString, tcfString } from "../../../../support/consent-strings.ts";
import { type Ask, type TestService, testService } from "../../../../support/service.ts";
import { CONFIGURED, newVisitor, PARTNER, register } from "./support.ts";

const BACK = "https://sync.ssp.example/done?x=1";
const FRANCE = { client: { country: "FR" } };
const CALIFORNIA = { client: { country: "US", region: "CA" } };

const setUp = (fields: object = {}) => testService({ config: { partners: [{ ...CONFIGURED, ...fields }] } });

function pixel(t: TestService, parameters: Record<string, string>, ask: Ask = {}): Promise<Response> {
  const query = new URLSearchParams({ partner: "ssp_x", uid: "u-1", return: BACK, ...parameters });
  return t.ask(`/sync?${query}`, ask);
}

/** A consent string made on the day of the manual clock. */
const tcf = (purposes: number[], t: TestService) => tcfString({ purposes, lastUpdatedMs: t.clock.now() });

describe("the redirect", () => {
  test("302 with ts_synced=1 once the id is in the graph", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    const answer = await pixel(t, {}, { cookies: { "ts-ec": id } });
    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toBe(`${BACK}&ts_synced=1`);
    expect(answer.headers.get("cache-control")).toBe("private, no-store");
    const nowSeconds = Math.floor(t.clock.now() / 1000);
    expect((await t.entry(id))?.ids).toEqual({ ssp_x: { uid: "u-1", synced: nowSeconds } });
  });

  test.each([
    ["https://sync.ssp.example", "https://sync.ssp.example/?ts_synced=1"],
    ["https://sync.ssp.example/a", "https://sync.ssp.example/a?ts_synced=1"],
    ["https://sync.ssp.example/a?", "https://sync.ssp.example/a?ts_synced=1"],
    [
      "https://sync.ssp.example/a?b=c&b=d%26e&&f+g",
      "https://sync.ssp.example/a?b=c&b=d%26e&&f+g&ts_synced=1",
    ],
    ["https://sync.ssp.example/a?b#c?d&e", "https://sync.ssp.example/a?b&ts_synced=1#c?d&e"],
    ["https://SYNC.SSP.example.:8443/a", "https://sync.ssp.example.:8443/a?ts_synced=1"],
    ["https://sync.ssp.example/\r\nset-cookie: x", "https://sync.ssp.example/set-cookie:%20x?ts_synced=1"],
    ["https://sync.ssp.example/é", "https://sync.ssp.example/%C3%A9?ts_synced=1"],
  ])("%s goes on to %s", async (back, expected) => {
    const t = setUp();
    const id = await newVisitor(t);
    const answer = await pixel(t, { return: back }, { cookies: { "ts-ec": id } });
    expect(answer.headers.get("location")).toBe(expected);
  });

  test.each([
    ["another host", "https://evil.example/"],
    ["a subdomain", "https://x.sync.ssp.example/"],
    ["a parent domain", "https://ssp.example/"],
    ["a host that only begins alike", "https://sync.ssp.example.evil.example/"],
    ["a host in the user's place", "https://sync.ssp.example@evil.example/"],
    ["a user", "https://me@sync.ssp.example/"],
    ["backslashes", "https:\\\\evil.example\\sync.ssp.example"],
    ["plain http", "http://sync.ssp.example/"],
    ["a script", "javascript:alert(1)//sync.ssp.example"],
    ["a relative address", "/done"],
    ["two slashes", "//sync.ssp.example/"],
    ["an empty one", ""],
  ])("400 for %s", async (_, back) => {
    const t = setUp();
    const id = await newVisitor(t);
    const answer = await pixel(t, { return: back }, { cookies: { "ts-ec": id } });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("location")).toBeNull();
    expect((await t.entry(id))?.ids).toEqual({});
  });

  test("400 for a missing, doubled or unknown parameter, an unknown partner and an unfit uid", async () => {
    const t = setUp();
    const cookies = { "ts-ec": await newVisitor(t) };
    const back = encodeURIComponent(BACK);
    for (const query of [
      "",
      `uid=u&return=${back}`,
      `partner=ssp_x&return=${back}`,
      "partner=ssp_x&uid=u",
      `partner=ssp_x&uid=u&uid=v&return=${back}`,
      `partner=ssp_x&uid=u&return=${back}&other=1`,
      `partner=ssp_x&uid=u&return=${BACK}&y=2`,
      `partner=other&uid=u&return=${back}`,
      `partner=__proto__&uid=u&return=${back}`,
      `partner=ssp_x&uid=&return=${back}`,
      `partner=ssp_x&uid=${"u".repeat(257)}&return=${back}`,
      `partner=ssp_x&uid=a%00b&return=${back}`,
      `partner=ssp_x&uid=a%0Ab&return=${back}`,
    ]) {
      const answer = await t.ask(`/sync?${query}`, { cookies });
      expect(answer.status, query).toBe(400);
      expect(Object.keys((await answer.json()) as object)).toEqual(["error", "message"]);
    }
    expect((await pixel(t, { uid: "é".repeat(256) }, { cookies })).headers.get("location")).toContain("=1");
  });

  test("plain http to this machine only with allowInsecurePartners", async () => {
    const partners = [{ ...CONFIGURED, allowedReturnDomains: ["127.0.0.1", "sync.ssp.example"] }];
    const back = { return: "http://127.0.0.1:9000/done" };
    expect((await pixel(testService({ config: { partners } }), back)).status).toBe(400);
    const insecure = testService({ config: { partners, allowInsecurePartners: true } });
    expect((await pixel(insecure, back)).status).toBe(302);
    expect((await pixel(insecure, { return: "http://sync.ssp.example/" })).status).toBe(400);
  });
});

describe("no id, no consent", () => {
  const reason = (answer: Response) => new URL(answer.headers.get("location")!).searchParams.get("ts_reason");

  test("no_ec without a valid cookie, and none is minted", async () => {
    const t = setUp();
    const bare = await pixel(t, {});
    expect(bare.headers.get("location")).toBe(`${BACK}&ts_synced=0&ts_reason=no_ec`);
    expect(bare.headers.get("set-cookie")).toBeNull();
    expect(reason(await pixel(t, {}, { cookies: { "ts-ec": "forged" } }))).toBe("no_ec");
    const header = { "x-ts-ec": await newVisitor(t) };
    expect(reason(await pixel(t, {}, { headers: header }))).toBe("no_ec");
  });

  test("no_consent where consent does not allow, and the visitor's withdrawal takes its course", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    const cookies = { "ts-ec": id };
    expect(reason(await pixel(t, {}, { cookies, client: { country: null } }))).toBe("no_consent");
    expect((await t.entry(id))?.consent.ok).toBe(true);
    const withdrawn = await pixel(t, {}, { cookies, ...FRANCE });
    expect(reason(withdrawn)).toBe("no_consent");
    expect(withdrawn.headers.get("set-cookie")).toContain("Max-Age=0");
    expect((await t.entry(id))?.consent.ok).toBe(false);
  });

  test("no_consent for an id whose tombstone stands", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    await t.services.graph.tombstone(id, () => true);
    expect(reason(await pixel(t, {}, { cookies: { "ts-ec": id } }))).toBe("no_consent");
    expect((await t.services.graph.get(id))?.ids).toEqual({});
  });
});

describe("the consent parameter", () => {
  test("counts where the request carries no signal, for finalize alike, and is not stored", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    const yes = tcf([1], t);
    const answer = await pixel(t, { consent: yes }, { cookies: { "ts-ec": id }, ...FRANCE });
    await t.settled();
    expect(answer.headers.get("location")).toBe(`${BACK}&ts_synced=1`);
    expect(answer.headers.get("set-cookie")).toBeNull();
    t.clock.advance(400_000);
    await pixel(t, { consent: yes }, { cookies: { "ts-ec": id }, ...FRANCE });
    await t.settled();
    const entry = await t.entry(id);
    expect(entry?.consent.ok).toBe(true);
    expect(entry?.lastSeen).toBe(Math.floor(t.clock.now() / 1000));
    expect(JSON.stringify(entry)).not.toContain(yes);
  });

  test.each<[string, Ask, (t: TestService) => string, boolean]>([
    ["TCF with Purpose 1", FRANCE, (t) => tcf([1], t), true],
    ["TCF without Purpose 1", FRANCE, (t) => tcf([2], t), false],
    [
      "GPP with TCF in it",
      FRANCE,
      (t) => gppString({ tcf: { purposes: [1], lastUpdatedMs: t.clock.now() } }),
      true,
    ],
    ["GPP, not opted out", CALIFORNIA, () => gppString({ saleOptOut: { usca: 2 } }), true],
    ["GPP, opted out", CALIFORNIA, () => gppString({ saleOptOut: { usca: 1 } }), false],
    ["US Privacy, not opted out", CALIFORNIA, () => "1YNN", true],
    ["US Privacy, opted out", CALIFORNIA, () => "1YYN", false],
    ["nothing known", FRANCE, () => "yes", false],
    // Safe first, section 6: the parameter's string counts by its dates and segments, too.
    [
      "TCF without disclosed vendors",
      FRANCE,
      (t) => tcfString({ purposes: [1], lastUpdatedMs: t.clock.now(), disclosesVendors: false }),
      false,
    ],
    [
      "TCF dated two days ahead",
      FRANCE,
      (t) => tcfString({ purposes: [1], lastUpdatedMs: t.clock.now() + 172_800_000 }),
      false,
    ],
    [
      "GPP with such TCF in it",
      FRANCE,
      (t) => gppString({ tcf: { purposes: [1], lastUpdatedMs: t.clock.now(), disclosesVendors: false } }),
      false,
    ],
    [
      "GPP, opted out of sharing",
      CALIFORNIA,
      () => gppString({ saleOptOut: { usnat: 2 }, sharingOptOut: { usnat: 1 } }),
      false,
    ],
    ["US Privacy, opted out, elsewhere", {}, () => "1YYN", false],
  ])("%s", async (_, place, consent, allowed) => {
    const t = setUp();
    const id = await newVisitor(t);
    const answer = await pixel(t, { consent: consent(t) }, { ...place, cookies: { "ts-ec": id } });
    expect(answer.headers.get("location")).toContain(allowed ? "ts_synced=1" : "no_consent");
    expect(answer.headers.get("set-cookie") === null).toBe(allowed);
  });

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ["a TC string", { "euconsent-v2": "unreadable" }, {}],
    ["a GPP string", { __gpp: "unreadable" }, {}],
    ["a US Privacy string", { us_privacy: "1---" }, {}],
    ["Global Privacy Control", {}, { "sec-gpc": "1" }],
  ])("is ignored beside %s", async (_, cookies, headers) => {
    const t = setUp();
    const id = await newVisitor(t);
    const ask = { ...FRANCE, headers, cookies: { "ts-ec": id, ...cookies } };
    const answer = await pixel(t, { consent: tcf([1], t) }, ask);
    expect(answer.headers.get("location")).toContain("no_consent");
  });
});

describe("ids that the graph does not know", () => {
  test("a forged one causes no row", async () => {
    const t = setUp();
    const forged = t.mint("198.51.100.7");
    const answer = await pixel(t, {}, { cookies: { "ts-ec": forged } });
    await t.settled();
    expect(answer.headers.get("location")).toContain("ts_reason=write_failed");
    expect(await t.store.get(`ec:${forged}`)).toBeNull();
  });

  test("an honest visitor's, whose row was lost, is adopted with what is known of them", async () => {
    const t = setUp();
    const own = t.mint();
    t.store.asked.length = 0;
    const answer = await pixel(t, {}, { cookies: { "ts-ec": own } });
    expect(answer.headers.get("location")).toContain("ts_synced=1");
    expect(await t.entry(own)).toMatchObject({ geo: { country: "JP" }, ids: { ssp_x: { uid: "u-1" } } });
    expect(t.store.asked.filter(({ operation }) => operation === "put")).toHaveLength(1);
  });
});

describe("limits and faults", () => {
  test("429 without a redirect past syncRateLimit of one partner for one EC hash in an hour", async () => {
    const t = setUp({ syncRateLimit: 3 });
    await register(t, { ...PARTNER, id: "other", api_key: "another-api-key-here" });
    const cookies = { "ts-ec": await newVisitor(t) };
    const neighbour = { "ts-ec": t.mint() };
    for (const jar of [cookies, neighbour, cookies])
      expect((await pixel(t, {}, { cookies: jar })).status).toBe(302);
    const refused = await pixel(t, {}, { cookies: neighbour });
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ error: "rate_limit_exceeded" });
    expect(refused.headers.get("retry-after")).toBe("3600");
    expect(refused.headers.get("location")).toBeNull();
    expect((await pixel(t, { partner: "other" }, { cookies })).status).toBe(302);
    t.clock.advance(3_599_999);
    expect((await pixel(t, {}, { cookies })).status).toBe(429);
    t.clock.advance(1);
    expect((await pixel(t, {}, { cookies })).status).toBe(302);
  });

  test("write_failed while the store is down or hangs; logged once", async () => {
    const t = setUp();
    const cookies = { "ts-ec": await newVisitor(t) };
    t.store.mode = "down";
    for (let time = 0; time < 3; time++) {
      const answer = await pixel(t, {}, { cookies });
      expect(answer.headers.get("location")).toBe(`${BACK}&ts_synced=0&ts_reason=write_failed`);
    }
    expect(t.log.filter((line) => line.includes("could not be written"))).toHaveLength(1);
    t.store.mode = "hanging";
    const hanging = pixel(t, {}, { cookies });
    await t.clock.settle(2000);
    expect((await hanging).headers.get("location")).toContain("write_failed");
  });

  test("503 for a partner that nobody can know while the registered ones were never read", async () => {
    const t = setUp();
    t.store.mode = "down";
    expect((await pixel(t, { partner: "other" })).status).toBe(503);
    expect((await pixel(t, {})).status).toBe(302);
  });
});
