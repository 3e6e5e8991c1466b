/** Partners, "Consent goes along": which partners get an id, and what they are told of consent. */
import { describe, expect, test } from "vitest";
import { gppString, tcfString } from "../../../support/consent-strings.ts";
import {
  type Ask,
  type TestService,
  type TestServiceOptions,
  testService,
} from "../../../support/service.ts";

const VENDOR = 5;
const DAY = 86_400_000;

/** A partner that is pulled from, may sync by pixels, and is in the bid stream. */
const partner = (id: string, fields: object = {}) => ({
  id,
  allowedReturnDomains: [`${id}.example`],
  bidstreamEnabled: true,
  sourceDomain: `${id}.example`,
  pullSyncEnabled: true,
  pullSyncUrl: `https://${id}.example/pull?own=1`,
  pullSyncAllowedDomains: [`${id}.example`],
  pullToken: "token",
  ...fields,
});

const PARTNERS = [partner("vendor", { gvlId: VENDOR }), partner("other", { gvlId: 99 }), partner("none")];

function setUp(options: TestServiceOptions["config"] = {}, fetch?: TestServiceOptions["fetch"]): TestService {
  return testService({
    config: { partners: PARTNERS, auction: { endpoint: "https://pbs.example/auction" }, ...options },
    fetch: fetch ?? (async (url) => new Response(JSON.stringify({ uid: `uid-of-${new URL(url).hostname}` }))),
  });
}

const inFrance = (t: TestService, choice: object = {}, cookies: object = {}): Ask => ({
  client: { country: "FR" },
  cookies: { "euconsent-v2": tcfString({ lastUpdatedMs: t.clock.now(), ...choice }), ...cookies },
});

const pulled = (t: TestService) =>
  t.calls.filter(({ url }) => url.includes("/pull")).map(({ url }) => new URL(url).hostname.split(".")[0]);

/** A visit that mints an id; everything that follows it is over. */
async function visit(t: TestService, ask: Ask): Promise<string> {
  const answer = await t.ask("/", ask);
  await t.settled();
  return answer.headers.get("x-ts-ec")!;
}

describe("where the GDPR applies", () => {
  test.each<[string, object, string[]]>([
    ["with vendor consent for one", {}, ["vendor"]],
    ["with vendor consent for both", { vendors: [VENDOR, 99] }, ["other", "vendor"]],
    ["with a publisher restriction for one", { vendors: [VENDOR, 99], restricted: [99] }, ["vendor"]],
    ["without vendor consent", { vendors: [1] }, []],
  ])("%s, a visit pulls from those partners", async (_name, choice, expected) => {
    const t = setUp();
    await visit(t, inFrance(t, choice));
    expect(pulled(t).sort()).toEqual(expected);
  });

  test("the TC string of GPP must consent, too, also where it is not in force", async () => {
    const t = setUp();
    const gpp = (vendors: number[]) => gppString({ tcf: { lastUpdatedMs: t.clock.now(), vendors } });
    await visit(t, inFrance(t, {}, { __gpp: gpp([99]), __gpp_sid: "7" }));
    expect(pulled(t)).toEqual([]);
    await visit(t, inFrance(t, {}, { __gpp: gpp([VENDOR]), __gpp_sid: "7" }));
    expect(pulled(t)).toEqual(["vendor"]);
  });

  test("a TC string in GPP alone gives vendor consent", async () => {
    const t = setUp();
    const __gpp = gppString({ tcf: { lastUpdatedMs: t.clock.now(), vendors: [VENDOR] } });
    await visit(t, { client: { country: "FR" }, cookies: { __gpp, __gpp_sid: "2" } });
    expect(pulled(t)).toEqual(["vendor"]);
  });

  test.each<[string, object[], string | null, string[]]>([
    ["denied once any partner has a gvlId", PARTNERS, null, ["vendor"]],
    ["allowed if the operator says so", PARTNERS, "allow", ["none", "vendor"]],
    ["allowed while no partner has a gvlId", [partner("none")], null, ["none"]],
    ["denied if the operator says so", [partner("none")], "deny", []],
  ])("partners without gvlId are %s", async (_name, partners, vendorless, expected) => {
    const t = setUp({ partners, consent: { vendorless } } as TestServiceOptions["config"]);
    await visit(t, inFrance(t));
    expect(pulled(t).sort()).toEqual(expected);
  });

  test("elsewhere vendor consent is not asked for", async () => {
    const t = setUp();
    await visit(t, { client: { country: "JP" } });
    expect(pulled(t).sort()).toEqual(["none", "other", "vendor"]);
  });

  test("/identify and /auction have the ids of permitted partners only", async () => {
    const t = setUp();
    const id = await visit(t, { client: { country: "JP" } });
    const ask = inFrance(t, {}, { "ts-ec": id });
    const identity = (await (await t.ask("/identify", ask)).json()) as Record<string, unknown>;
    expect(identity.uids).toEqual({ vendor: "uid-of-vendor.example" });
    const answer = await t.ask("/auction", { ...ask, method: "POST", body: '{"id":"1"}' });
    expect(JSON.parse(atob(answer.headers.get("x-ts-eids")!))).toMatchObject([{ source: "vendor.example" }]);
    const request = JSON.parse(t.calls.at(-1)!.init.body as string);
    expect(request).toMatchObject({ regs: { gdpr: 1 }, user: { id, consent: ask.cookies!["euconsent-v2"] } });
    expect(request.user.eids).toMatchObject([{ source: "vendor.example" }]);
  });

  test("a pixel of a partner without consent changes nothing", async () => {
    const t = setUp();
    const id = await visit(t, inFrance(t));
    const pixel = async (name: string) => {
      const back = encodeURIComponent(`https://${name}.example/back`);
      const ask = inFrance(t, {}, { "ts-ec": id });
      const answer = await t.ask(`/sync?partner=${name}&uid=pixel&return=${back}`, ask);
      return new URL(answer.headers.get("location")!).searchParams.get("ts_reason");
    };
    t.clock.advance(DAY * 2);
    expect(await pixel("other")).toBe("no_consent");
    expect(await pixel("none")).toBe("no_consent");
    expect(await pixel("vendor")).toBeNull();
    expect((await t.entry(id))?.ids).toMatchObject({ vendor: { uid: "pixel" } });
    expect(Object.keys((await t.entry(id))!.ids)).toEqual(["vendor"]);
  });
});

describe("a pixel's own consent parameters", () => {
  const sync = async (t: TestService, parameters: Record<string, string>, name = "vendor") => {
    const id = t.mint();
    const query = new URLSearchParams({
      partner: name,
      uid: "u",
      return: `https://${name}.example/`,
      ...parameters,
    });
    const answer = await t.ask(`/sync?${query}`, { client: { country: "FR" }, cookies: { "ts-ec": id } });
    return answer.status === 302
      ? (new URL(answer.headers.get("location")!).searchParams.get("ts_reason") ?? "synced")
      : answer.status;
  };

  test("count where the request has no signal, for the vendor too", async () => {
    const t = setUp();
    const tcf = (choice: object = {}) => tcfString({ lastUpdatedMs: t.clock.now(), ...choice });
    expect(await sync(t, {})).toBe("no_consent");
    expect(await sync(t, { gdpr: "1", gdpr_consent: tcf() })).toBe("synced");
    expect(await sync(t, { consent: tcf() })).toBe("synced");
    expect(await sync(t, { gdpr: "1", gdpr_consent: tcf({ vendors: [99] }) })).toBe("no_consent");
    expect(await sync(t, { gdpr: "1", gdpr_consent: tcf({ vendors: [99] }) }, "other")).toBe("synced");
    const gpp = gppString({ tcf: { lastUpdatedMs: t.clock.now(), vendors: [VENDOR] } });
    expect(await sync(t, { gpp, gpp_sid: "2" })).toBe("synced");
    expect(await sync(t, { gpp, gpp_sid: "7" })).toBe("no_consent");
    expect(await sync(t, { gdpr_consent: tcf(), us_privacy: "1YYN" })).toBe("no_consent");
    // An unfilled macro says nothing, and `gdpr` does not decide: the visitor's place does.
    expect(await sync(t, { gdpr: "0", gdpr_consent: "{GDPR_CONSENT_5}" })).toBe("no_consent");
    expect(await sync(t, { gdpr_consent: tcf(), gdpr_purposes: "1" })).toBe(400);
  });
});

describe("a pull tells", () => {
  test("what is known of consent, by the IAB's names", async () => {
    const t = setUp();
    const gpp = gppString({
      tcf: { lastUpdatedMs: t.clock.now(), vendors: [VENDOR] },
      saleOptOut: { usnat: 2 },
    });
    const ask = inFrance(t, {}, { __gpp: encodeURIComponent(gpp), __gpp_sid: "2_7", us_privacy: "1YNN" });
    const id = await visit(t, ask);
    const sent = new URL(t.calls[0]!.url).searchParams;
    expect(Object.fromEntries(sent)).toEqual({
      own: "1",
      ec_id: id,
      ec_hash: id.slice(0, 64),
      ip: "203.0.113.1",
      gdpr: "1",
      gdpr_consent: ask.cookies!["euconsent-v2"],
      gpp,
      gpp_sid: "2,7",
      us_privacy: "1YNN",
    });
  });

  test("no address where the partner is not to have it, and nothing that does not decode", async () => {
    const t = setUp({ partners: [partner("none", { pullSendIp: false })] });
    await visit(t, { client: { country: "JP" }, cookies: { "euconsent-v2": "broken", us_privacy: "odd" } });
    const names = [...new URL(t.calls[0]!.url).searchParams.keys()];
    expect(names).toEqual(["own", "ec_id", "ec_hash", "gdpr"]);
    expect(new URL(t.calls[0]!.url).searchParams.get("gdpr")).toBe("0");
  });

  test("nobody if the consent strings are too long to keep with the pulls that wait", async () => {
    const t = setUp({ partners: [partner("none")] });
    const padded = (length: number) => ({
      client: { country: "JP" },
      cookies: { "euconsent-v2": tcfString({ lastUpdatedMs: t.clock.now() }) + "A".repeat(length) },
    });
    await visit(t, padded(8192));
    expect(pulled(t)).toEqual([]);
    await visit(t, padded(7000));
    expect(pulled(t)).toEqual(["none"]);
  });
});

test("a vendor that loses consent while its pull waits is not asked", async () => {
  // The domain has room for one request at a time.
  const open: ((response: Response) => void)[] = [];
  const slow = partner("vendor", { gvlId: VENDOR, maxConcurrent: 1 });
  const t = setUp({ partners: [slow] }, () => new Promise((resolve) => open.push(resolve)));
  const first = await t.ask("/", inFrance(t));
  await t.clock.settle(0);
  expect(t.calls).toHaveLength(1);
  const second = await t.ask("/", { ...inFrance(t), client: { country: "FR", ip: "203.0.113.2" } });
  await t.clock.settle(0);
  expect(t.calls).toHaveLength(1);
  const id = second.headers.get("x-ts-ec")!;
  expect(id).not.toBe(first.headers.get("x-ts-ec"));
  await t.ask("/", {
    ...inFrance(t, { vendors: [99] }, { "ts-ec": id }),
    client: { country: "FR", ip: "203.0.113.2" },
  });
  await t.clock.settle(0);
  open[0]!(new Response('{"uid":"u"}'));
  await t.clock.settle(120_000);
  await t.settled();
  expect(t.calls).toHaveLength(1);
});

test("each refusal is counted by its reason and written at debug, without an id or an address", async () => {
  const t = setUp();
  await t.ask("/", { client: { country: "FR" } });
  await t.ask("/", { client: { country: "FR" }, headers: { "sec-gpc": "1" } });
  expect(t.services.metrics.text()).toContain(
    'millrace_ec_consent_total{allowed="false",jurisdiction="gdpr",reason="no_signal"} 1',
  );
  expect(t.services.metrics.text()).toContain('reason="gpc"} 1');
  const lines = t.log.map((line) => JSON.parse(line)).filter(({ level }) => level === "debug");
  expect(lines).toMatchObject([
    { jurisdiction: "gdpr", reason: "no_signal" },
    { jurisdiction: "gdpr", reason: "gpc" },
  ]);
});
