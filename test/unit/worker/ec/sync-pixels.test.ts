/** Partners, "Prebid on the page": `GET /_ts/sync-pixels`. */
import { expect, test } from "vitest";
import { filledPixelUrl, pixelUrlFault } from "../../../../runtime/ec/partners/pixel-url.ts";
import { MAX_PIXELS } from "../../../../runtime/ec/partners/pixels-due.ts";
import { gppString } from "../../../support/consent-strings.ts";
import { testService } from "../../../support/service.ts";

const partner = (id: string, fields: object = {}) => ({
  id,
  pixelUrl: `https://${id}.example/p?e={ec}`,
  ...fields,
});

async function setUp(partners: object[]) {
  const t = testService({ config: { partners: partners as ReturnType<typeof partner>[] } });
  const id = (await t.ask("/")).headers.get("x-ts-ec")!;
  await t.settled();
  const list = (cookies: Record<string, string> = {}, ask: object = {}) =>
    t.ask("/_ts/sync-pixels", { cookies: { "ts-ec": id, ...cookies }, ...ask });
  return Object.assign(t, { id, list });
}

const names = async (answer: Response) =>
  (await answer.json()).pixels.map(({ partner }: { partner: string }) => partner);

test("at most eight pixels are listed, and with time every partner's", async () => {
  const t = await setUp(Array.from({ length: 20 }, (_, i) => partner(`p${i}`)));
  const seen = new Set<string>();
  for (let i = 0; i < 90; i++) {
    const listed = await names(await t.list());
    expect(listed).toHaveLength(MAX_PIXELS);
    for (const name of listed) seen.add(name);
  }
  expect(seen.size).toBe(20);
});

test("a partner's pixel is due again when its id is pullSyncTtlSeconds old", async () => {
  const t = await setUp([partner("one", { pullSyncTtlSeconds: 60 }), { id: "none" }]);
  expect(await names(await t.list())).toEqual(["one"]);
  await t.services.graph.upsertPartnerId(t.id, "one", "u", Math.floor(t.clock.now() / 1000));
  expect(await names(await t.list())).toEqual([]);
  t.clock.advance(60_000);
  expect(await names(await t.list())).toEqual(["one"]);
});

test("one visitor gets a hundred lists an hour, and RateLimit fields tell it before", async () => {
  const t = await setUp([partner("one")]);
  const first = await t.list();
  expect(first.headers.get("ratelimit")).toBe('"hour";r=99');
  for (let i = 1; i < 100; i++) await t.list();
  const refused = await t.list();
  expect([refused.status, (await refused.json()).error]).toEqual([429, "rate_limit_exceeded"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("an id that the graph does not know gets no pixel and takes no window", async () => {
  const t = await setUp([partner("one")]);
  const forged = await t.list({ "ts-ec": t.mint("198.51.100.7") });
  expect(await names(forged)).toEqual([]);
  expect(forged.headers.get("ratelimit")).toBeNull();
});

test("pages of other sites may not ask, the publisher's may", async () => {
  const t = await setUp([partner("one")]);
  const from = (origin: string) => t.list({}, { headers: { origin } });
  expect((await from("https://evil.example")).status).toBe(403);
  const own = await from("https://www.publisher.example");
  expect(own.headers.get("access-control-allow-origin")).toBe("https://www.publisher.example");
});

test("without the store the answer is 503", async () => {
  const t = await setUp([partner("one")]);
  t.store.mode = "down";
  const answer = await t.list();
  expect([answer.status, (await answer.json()).error]).toEqual([503, "store_unavailable"]);
});

test("macros are filled in percent-encoded, and what is not known is empty", () => {
  const gpp = gppString({ saleOptOut: { usnat: 2 } });
  const url = "https://x.example/{ec}?a={gpp}&b={gpp_sid}&c={gdpr}&d={gdpr_consent}#{us_privacy}";
  expect(filledPixelUrl(url, "id", { gpp, gpp_sid: "7,8", gdpr: "0", us_privacy: "1&N" })).toBe(
    `https://x.example/id?a=${encodeURIComponent(gpp)}&b=7%2C8&c=0&d=#1%26N`,
  );
});

test.each<[string, boolean, RegExp | null]>([
  ["https://x.example/p?{gdpr}", false, null],
  ["http://x.example/p", false, /https/],
  ["http://127.0.0.1:9/p", true, null],
  ["https://127.0.0.1/p", false, /outside private/],
  ["https://169.254.169.254/p", true, /outside private/],
  ["https://a:b@x.example/p", false, /without user/],
  ["https://{ec}.example/p", false, /behind its host/],
  ["https://x.example/p?u={UID}", false, /no macros but \{gdpr\}/],
  [`https://x.example/${"a".repeat(2048)}`, false, /2048/],
  ["/p", false, /absolute URL/],
])("pixelUrl %s (allowInsecurePartners: %s)", (url, allowInsecure, expected) => {
  const fault = pixelUrlFault(url, allowInsecure);
  if (expected === null) expect(fault).toBeNull();
  else expect(fault).toMatch(expected);
});
