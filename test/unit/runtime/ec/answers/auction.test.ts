import { describe, expect, test } from "vitest";
import {
  bidRequestFault,
  withConsent,
  withIdentity,
  withoutIdentity,
  withoutSecondPlace,
} from "../../../../../runtime/ec/answers/auction.ts";
import { mergeEids } from "../../../../../runtime/ec/answers/merge-eids.ts";
import type { Partner } from "../../../../../runtime/ec/partners/partner.ts";
import type { JsonObject } from "../../../../../runtime/lib/json.ts";
import { tcfString } from "../../../../support/consent-strings.ts";
import {
  type Ask,
  type TestService,
  type TestServiceOptions,
  testService,
} from "../../../../support/service.ts";
import { CONFIGURED, newVisitor, pieces } from "../partners/support.ts";

const ENDPOINT = "https://pbs.example/openrtb2/auction";
const BID_REQUEST = { id: "1", imp: [{ id: "1", banner: {} }], user: { buyeruid: "b", data: [] } };
const BIDS = JSON.stringify({ id: "1", seatbid: [] });

function setUp(options: TestServiceOptions = {}): TestService {
  return testService({
    config: { auction: { endpoint: ENDPOINT }, partners: [CONFIGURED] },
    fetch: async () => new Response(BIDS, { headers: { "content-type": "application/json" } }),
    ...options,
  });
}

const auction = (t: TestService, body: unknown, ask: Ask = {}) =>
  t.ask("/auction", { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), ...ask });

const sent = (t: TestService) => JSON.parse(t.calls.at(-1)!.init.body as string);

describe("with an identity", () => {
  test("user.id, user.eids and user.consent go out, the rest stays, and the answer comes back", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    await t.services.graph.upsertPartnerId(id, "ssp_x", "u-1", 5);
    const tcf = tcfString({ lastUpdatedMs: t.clock.now() });
    const cookies = { "ts-ec": id, "euconsent-v2": tcf };
    const answer = await auction(t, BID_REQUEST, { cookies, client: { country: "FR" } });
    const eids = [{ source: "ssp.example", uids: [{ id: "u-1", atype: 3 }] }];
    expect(sent(t)).toEqual({
      ...BID_REQUEST,
      regs: { gdpr: 1 },
      user: { ...BID_REQUEST.user, id, eids, consent: tcf },
    });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(BIDS);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "cache-control": "private, no-store",
      "content-type": "application/json",
      "x-ts-ec": id,
      "x-ts-eids": btoa(JSON.stringify(eids)),
    });
  });

  test("the endpoint gets none of the visitor's cookies, and sets none", async () => {
    const t = setUp({
      fetch: async () =>
        new Response(BIDS, {
          headers: { "set-cookie": "uids=1; Path=/", "x-ts-ec": "evil", "cache-control": "public" },
        }),
    });
    const id = await newVisitor(t);
    const headers = { "user-agent": "Browser/1", authorization: "Bearer secret", "x-other": "1" };
    const answer = await auction(t, BID_REQUEST, { cookies: { "ts-ec": id, session: "s" }, headers });
    const { url, init } = t.calls.at(-1)!;
    expect(url).toBe(ENDPOINT);
    expect(init).toMatchObject({ method: "POST", redirect: "manual" });
    expect(Object.fromEntries(new Headers(init.headers))).toEqual({
      accept: "application/json",
      "content-type": "application/json",
      "user-agent": "Browser/1",
      "x-openrtb-version": "2.6",
    });
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("x-ts-ec")).toBe(id);
    expect(answer.headers.get("cache-control")).toBe("private, no-store");
  });

  test("the answer streams: it begins before it is complete", async () => {
    const { body, sent: pulled } = pieces(3, 4);
    const t = setUp({ fetch: async () => new Response(body) });
    const timers = t.clock.waiting();
    const answer = await auction(t, BID_REQUEST);
    const reader = answer.body!.getReader();
    await reader.read();
    expect(pulled()).toBeLessThan(3);
    await reader.read();
    await reader.read();
    expect((await reader.read()).done).toBe(true);
    expect(t.clock.waiting()).toBe(timers);
  });
});

describe("without one", () => {
  test("no id: the auction runs, and nothing is added or minted", async () => {
    const t = setUp();
    const answer = await auction(t, BID_REQUEST);
    expect(answer.status).toBe(200);
    expect(sent(t)).toEqual({ ...BID_REQUEST, regs: { gdpr: 0 } });
    for (const name of ["x-ts-ec", "x-ts-eids", "set-cookie"]) expect(answer.headers.get(name)).toBeNull();
  });

  test("store down or hanging: the auction runs without it", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    t.store.mode = "down";
    expect((await auction(t, BID_REQUEST, { cookies: { "ts-ec": id } })).status).toBe(200);
    expect(sent(t)).toEqual({ ...BID_REQUEST, regs: { gdpr: 0 } });
    t.store.mode = "hanging";
    const hanging = auction(t, BID_REQUEST, { cookies: { "ts-ec": id } });
    await t.clock.settle(1000);
    expect((await hanging).headers.get("x-ts-ec")).toBeNull();
    expect(sent(t)).toEqual({ ...BID_REQUEST, regs: { gdpr: 0 } });
  });

  // Safe first, section 6: no consent, `/auction`.
  test("consent denied: the request goes out without any field that identifies the visitor or the device", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    const eids = [{ source: "other.example", uids: [{ id: "o" }] }];
    const denied: Ask = { cookies: { "ts-ec": id }, client: { country: "FR" } };
    const answer = await auction(
      t,
      {
        id: "1",
        imp: [],
        user: {
          id: "crm-7",
          buyeruid: "b",
          customdata: "c",
          eids,
          yob: 1980,
          consent: "TC",
          ext: { eids, x: 1 },
        },
        device: {
          ip: "203.0.113.77",
          ipv6: "2001:db8:85a3:1::9",
          ifa: "AAAA",
          ua: "Browser/1",
          ext: { ifv: "V" },
        },
      },
      denied,
    );
    expect(sent(t)).toEqual({
      id: "1",
      imp: [],
      regs: { gdpr: 1 },
      user: { yob: 1980, consent: "TC", ext: { x: 1 } },
      device: { ip: "203.0.113.0", ipv6: "2001:db8:85a3:1::", ua: "Browser/1", ext: {} },
    });
    expect(answer.headers.get("x-ts-ec")).toBeNull();
    expect(answer.headers.get("set-cookie")).toContain("Max-Age=0");
  });

  test("no country, or an opt-out anywhere: the same", async () => {
    const t = setUp();
    for (const ask of [
      { client: { country: null } },
      { client: { country: "US", region: null }, headers: { "sec-gpc": "1" } },
      { client: { country: "JP" }, cookies: { us_privacy: "1YYN" } },
    ]) {
      await auction(t, { id: "1", user: { id: "crm-7", buyeruid: "b" }, device: { ifa: "A" } }, ask);
      const { regs: _, ...others } = sent(t);
      expect(others).toEqual({ id: "1", user: {}, device: {} });
    }
  });
});

describe("refusals", () => {
  test("404 without an endpoint", async () => {
    const answer = await auction(testService(), BID_REQUEST);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: "no_auction" });
  });

  test("400 for a body that is no bid request", async () => {
    const t = setUp();
    const timers = t.clock.waiting();
    const deep = `{"id":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    for (const body of ["", "{", "[]", "null", "1", '{"user":1}', '{"user":[]}', deep]) {
      const answer = await auction(t, body);
      expect(answer.status, body.slice(0, 20)).toBe(400);
      expect(Object.keys((await answer.json()) as object)).toEqual(["error", "message"]);
    }
    expect(t.calls).toEqual([]);
    expect(t.clock.waiting()).toBe(timers);
  });

  test("413 past 1 MiB", async () => {
    const t = setUp();
    const answer = await auction(t, JSON.stringify(BID_REQUEST).padEnd(1_048_577));
    expect(answer.status).toBe(413);
    expect((await auction(t, JSON.stringify(BID_REQUEST).padEnd(1_048_576))).status).toBe(200);
  });
});

describe("the endpoint's own faults", () => {
  test.each([400, 404, 429])("its %i is passed on", async (status) => {
    const t = setUp({ fetch: async () => new Response("Invalid request", { status }) });
    const answer = await auction(t, BID_REQUEST);
    expect(answer.status).toBe(status);
    expect(await answer.text()).toBe("Invalid request");
  });

  test("its 204 is passed on", async () => {
    const t = setUp({ fetch: async () => new Response(null, { status: 204 }) });
    expect((await auction(t, BID_REQUEST)).status).toBe(204);
  });

  test.each([302, 307, 500, 503])("its %i is a 502", async (status) => {
    const headers = { location: "http://169.254.169.254/" };
    const t = setUp({ fetch: async () => new Response("secret stack", { status, headers }) });
    const timers = t.clock.waiting();
    const answer = await auction(t, BID_REQUEST);
    expect(answer.status).toBe(502);
    expect(await answer.text()).not.toContain("secret");
    expect(t.calls).toHaveLength(1);
    await Promise.resolve();
    expect(t.clock.waiting()).toBe(timers + 1); // the log's window alone
  });

  test("502 if it cannot be reached, 504 if it does not answer", async () => {
    const dead = setUp({ fetch: () => Promise.reject(new TypeError("connection refused to 10.0.0.9")) });
    const refused = await auction(dead, BID_REQUEST);
    expect(refused.status).toBe(502);
    expect(await refused.text()).not.toContain("10.0.0.9");

    let aborted = false;
    const hanging = setUp({
      fetch: (_, init) =>
        new Promise((_, reject) => {
          init?.signal?.addEventListener("abort", () => {
            aborted = true;
            reject(new Error("aborted"));
          });
        }),
    });
    const late = auction(hanging, BID_REQUEST);
    await hanging.clock.settle(10_000);
    expect((await late).status).toBe(504);
    expect(aborted).toBe(true);
  });
});

describe("the pure part", () => {
  const partner = { id: "a", sourceDomain: "a.example", openrtbAtype: 3 } as Partner;
  const ids = [{ partner, uid: "1", synced: 1 }];

  test("ids of one source are joined, and ids already present are not added again", () => {
    const user = {
      id: "theirs",
      consent: "old",
      eids: [
        { source: "b.example", uids: [{ id: "9" }] },
        {
          source: "A.example",
          uids: [
            { id: "1", atype: 1 },
            { id: "2", ext: {} },
          ],
          ext: { x: 1 },
        },
        "nonsense",
      ],
    };
    const { user: merged } = withIdentity({ user }, { ec: "ours", ids });
    expect(merged).toEqual({
      id: "ours",
      consent: "old",
      eids: [
        {
          source: "a.example",
          uids: [
            { id: "1", atype: 3 },
            { id: "2", ext: {} },
          ],
          ext: { x: 1 },
        },
        { source: "b.example", uids: [{ id: "9" }] },
        "nonsense",
      ],
    });
    expect(user.eids).toHaveLength(3);
  });

  test("a request without a user gets one", () => {
    expect(withIdentity({ id: "1" }, { ec: "ours", ids: [] })).toEqual({ id: "1", user: { id: "ours" } });
  });

  test("withoutIdentity also removes ids from a bidder's own part, and does not change its argument", () => {
    const ortb2 = {
      user: { id: "a", buyeruid: "b", keywords: "k" },
      device: { macsha1: "m", ip: "198.51.100.9" },
    };
    const request = {
      user: { id: "c", ext: { prebid: { buyeruids: { x: "1" } } } },
      ext: { prebid: { bidderconfig: [{ bidders: ["x"], config: { ortb2 } }, "odd"], debug: 1 } },
    };
    const before = structuredClone(request);
    expect(withoutIdentity(request)).toEqual({
      user: { ext: {} },
      ext: {
        prebid: {
          bidderconfig: [
            {
              bidders: ["x"],
              config: { ortb2: { user: { keywords: "k" }, device: { ip: "198.51.100.0" } } },
            },
            "odd",
          ],
          debug: 1,
        },
      },
    });
    expect(request).toEqual(before);
  });

  test.each(["ifa", "didsha1", "didmd5", "dpidsha1", "dpidmd5", "macsha1", "macmd5"])(
    "device.%s goes",
    (field) => {
      expect(withoutIdentity({ device: { [field]: "x", model: "m" } })).toEqual({ device: { model: "m" } });
    },
  );

  test.each([
    [{ ip: "203.0.113.77" }, { ip: "203.0.113.0" }],
    [{ ip: "::ffff:203.0.113.77" }, { ip: "203.0.113.0" }],
    [{ ip: "2001:DB8::1" }, { ip: "2001:db8:0:0::" }],
    [{ ipv6: "2001:db8:85a3:8d3:1319:8a2e:370:7344" }, { ipv6: "2001:db8:85a3:8d3::" }],
    [{ ipv6: "::ffff:203.0.113.77" }, { ipv6: "::ffff:203.0.113.0" }],
    [{ ipv6: "2002:cb00:714d:1::1" }, { ipv6: "2002:cb00:7100:0::" }],
    [{ ip: "somebody's", ipv6: 7 }, {}],
  ])("the addresses %j become %j", (device, network) => {
    expect(withoutIdentity({ device })).toEqual({ device: network });
  });

  test("bidRequestFault", () => {
    expect(bidRequestFault({ user: null })).toBeNull();
    expect(bidRequestFault({})).toBeNull();
    expect(bidRequestFault({ user: "x" })).toContain("user");
    expect(bidRequestFault({ device: ["203.0.113.7"] })).toContain("device");
  });

  // Safe first, section 7: EIDs in one place.
  describe("EIDs that a page has in user.ext.eids, as Prebid.js writes them", () => {
    const page = { source: "page.example", uids: [{ id: "p-1", atype: 1 }] };
    const others = { data: { x: 1 } };

    test("move to user.eids after the service's own, and other fields of ext stay", () => {
      const user = { ext: { eids: [page], ...others }, yob: 1980 };
      expect(withIdentity({ user }, { ec: "ours", ids }).user).toEqual({
        id: "ours",
        yob: 1980,
        ext: others,
        eids: [{ source: "a.example", uids: [{ id: "1", atype: 3 }] }, page],
      });
      expect(user.ext.eids).toEqual([page]);
    });

    test("also move without an identity; an ext without other fields is removed", () => {
      expect(withoutSecondPlace({ user: { ext: { eids: [page] } } })).toEqual({ user: { eids: [page] } });
      expect(withoutSecondPlace({ user: { eids: [page], ext: { eids: [page] } } })).toEqual({
        user: { eids: [page] },
      });
      for (const request of [{}, { user: null }, { user: {} }, { user: { eids: [], ext: {} } }]) {
        expect(withoutSecondPlace(request)).toEqual(request);
      }
    });

    test("reach the endpoint in one place, with an identity and without", async () => {
      const t = setUp();
      const request = { id: "1", user: { ext: { eids: [page] } } };
      await auction(t, request);
      expect(sent(t)).toEqual({ id: "1", regs: { gdpr: 0 }, user: { eids: [page] } });
      const id = await newVisitor(t);
      await auction(t, request, { cookies: { "ts-ec": id } });
      expect(sent(t)).toEqual({ id: "1", regs: { gdpr: 0 }, user: { id, eids: [page] } });
    });

    test("stay in their place if they are no list", () => {
      const user = { eids: "odd", ext: { eids: { source: "x" } } };
      expect(withoutSecondPlace({ user })).toEqual({ user });
      expect(withoutSecondPlace({ user: { eids: "odd", ext: { eids: [page] } } })).toEqual({
        user: { eids: [page] },
      });
    });
  });
});

describe("withConsent", () => {
  const known = {
    gdpr: "1",
    gdpr_consent: "TC",
    gpp: "GPP",
    gpp_sid: "2,7",
    us_privacy: "1YNN",
  };
  const all = { gdpr: 1, us_privacy: "1YNN", gpp: "GPP", gpp_sid: [2, 7] };

  test("fills what the page did not say", () => {
    expect(withConsent({ id: "1" }, known)).toEqual({ id: "1", regs: all, user: { consent: "TC" } });
    expect(withConsent({ regs: { coppa: 1 }, user: { yob: 1980, consent: "" } }, known)).toEqual({
      regs: { coppa: 1, ...all },
      user: { yob: 1980, consent: "TC" },
    });
    expect(withConsent({ id: "1", user: null }, {})).toEqual({ id: "1", user: null });
  });

  test.each<[string, JsonObject]>([
    ["regs.gdpr", { regs: { gdpr: 0 } }],
    ["regs.ext.gdpr", { regs: { ext: { gdpr: 0 } } }],
    ["regs.us_privacy", { regs: { us_privacy: "1---" } }],
    ["regs.ext.us_privacy", { regs: { ext: { us_privacy: "1---" } } }],
    ["user.consent", { user: { consent: "page" } }],
    ["user.ext.consent", { user: { ext: { consent: "page" } } }],
  ])("keeps the page's %s", (path, request) => {
    const name = path.split(".").at(-1)!;
    const { regs, user } = withConsent(request, known) as Record<string, JsonObject>;
    const filled = { ...all, consent: "TC" } as Record<string, unknown>;
    expect(request).toEqual(structuredClone(request));
    expect({ ...regs, ...user }[name] === filled[name]).toBe(false);
    for (const other of Object.keys(filled).filter((each) => each !== name)) {
      expect({ ...regs, ...user }[other]).toEqual(filled[other]);
    }
  });

  test.each([{ gpp: "page" }, { gpp_sid: [6] }, { ext: { gpp: "page" } }])(
    "a GPP string and its sections are one statement: %j keeps both out",
    (regs) => {
      expect(withConsent({ regs }, known).regs).toEqual({ gdpr: 1, us_privacy: "1YNN", ...regs });
    },
  );
});

describe("mergeEids", () => {
  const eid = (members: object, ...uids: unknown[]) => ({
    source: "a.example",
    uids: uids.map((id) => (typeof id === "string" ? { id } : id)),
    ...members,
  });

  test.each<[string, object, object]>([
    ["inserter", { inserter: "i" }, { inserter: "j" }],
    ["inserter on one side", {}, { inserter: "j" }],
    ["matcher", { matcher: "m" }, { matcher: "n" }],
    ["mm", { mm: 1 }, { mm: 2 }],
    ["mm on one side", { mm: 0 }, {}],
    ["source", {}, { source: "b.example" }],
    ["ext", { ext: { a: 1 } }, { ext: { a: 2 } }],
  ])("keeps those apart that differ in %s", (_, one, other) => {
    const both = [eid(one, "1"), eid(other, "1")];
    expect(mergeEids(both)).toEqual(both);
    expect(mergeEids([both[0]], [both[1]])).toEqual(both);
  });

  test.each<[object, object, object]>([
    [{}, { source: "A.EXAMPLE" }, {}],
    [
      { inserter: "i", matcher: "m", mm: 3 },
      { mm: 3, matcher: "m", inserter: "i" },
      { inserter: "i", matcher: "m", mm: 3 },
    ],
    [{ inserter: null }, {}, { inserter: null }],
    [{}, { ext: { a: 1 } }, { ext: { a: 1 } }],
    [{ ext: { a: 1 } }, {}, { ext: { a: 1 } }],
    [{ ext: { a: 1 } }, { ext: { a: 1 } }, { ext: { a: 1 } }],
  ])("joins %j and %j, the first of each id", (one, other, merged) => {
    const given = [eid(one, "1", "1", "2"), eid(other, { id: "2", atype: 9 }, "3")];
    expect(mergeEids(given)).toEqual([eid(merged, "1", "2", "3")]);
    expect(given[0]!.uids).toHaveLength(3);
  });

  test("keeps values that are no EIDs, and uids that are none, in their places", () => {
    const odd = [
      "x",
      null,
      7,
      [],
      {},
      { source: 1, uids: [] },
      { source: "a.example" },
      { source: "a", uids: {} },
    ];
    expect(mergeEids(odd, odd)).toEqual([...odd, ...odd]);
    const uids = [null, "u", { id: 1 }, { id: 1 }, {}];
    expect(mergeEids([{ source: "a", uids }])).toEqual([{ source: "a", uids }]);
  });

  test("takes work in proportion to its input", () => {
    let written = 0;
    const many = Array.from({ length: 2000 }, (_, n) => ({
      source: "a.example",
      uids: [{ id: String(n) }],
      ext: { n, toJSON: () => `${written++}` && n },
    }));
    expect(mergeEids(many)).toHaveLength(2000);
    expect(written).toBeLessThan(3 * 2000);
  });
});
