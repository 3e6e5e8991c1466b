import { createHash } from "node:crypto";
import { afterAll, expect, test, vi } from "vitest";
import { minimalEntry, toSeconds } from "../../../runtime/ec/graph/entry.ts";
import { MAX_MAPPINGS } from "../../../runtime/ec/partners/batch-sync.ts";
import { readCookies } from "../../../runtime/ec/request/cookie.ts";
import { readGpp } from "../../../runtime/ec/request/gpp.ts";
import { readTcf } from "../../../runtime/ec/request/tcf.ts";
import { gppString, tcfString } from "../../support/consent-strings.ts";
import { type Asked, countedService, type Work } from "../../support/count-work.ts";

// Test files of one worker share modules. This file loads them again with its spies, and so does the file after it.
vi.hoisted(() => vi.resetModules());
afterAll(() => void vi.resetModules());
// Counted, otherwise unchanged.
vi.mock("../../../runtime/ec/request/cookie.ts", { spy: true });
vi.mock("../../../runtime/ec/request/gpp.ts", { spy: true });
vi.mock("../../../runtime/ec/request/tcf.ts", { spy: true });
const PARSERS = { cookies: vi.mocked(readCookies), gpp: vi.mocked(readGpp), tcf: vi.mocked(readTcf) };

const KEY = "key-of-the-partner";
const partner = (id: string) => ({
  id,
  apiKeyHash: createHash("sha256")
    .update(KEY + id)
    .digest("hex"),
});
const puller = (id: string) => ({
  ...partner(id),
  pullSyncEnabled: true,
  pullSyncUrl: `https://${id}.example/pull`,
  pullSyncAllowedDomains: [`${id}.example`],
  pullToken: "token",
});

/** Header fields that every request reads. */
const PAGE_HEADERS = { cookie: 1, "sec-gpc": 1, "x-ts-ec": 1 };
/** A request whose visitor's partners may be asked hands its ids on to the pulls. */
const TRACE_HEADERS = { traceparent: 1, "x-request-id": 1 };
/** Header fields that show whether a request is a page visit and may get an id. */
const VISIT_HEADERS = {
  ...PAGE_HEADERS,
  accept: 1,
  origin: 1,
  purpose: 1,
  "sec-fetch-dest": 1,
  "sec-fetch-mode": 1,
  "sec-purpose": 1,
  "x-moz": 1,
};
const IDLE = { store: {}, kernels: {}, parsed: { cookies: 1 }, calls: 0, log: 0 };

type Situation = Awaited<ReturnType<typeof prepared>>;

/** A service and a visitor that it knows. */
async function prepared(partners: object[] = []) {
  const service = countedService(
    {
      config: { partners: partners as ReturnType<typeof partner>[] },
      fetch: async () => new Response('{"uid":"u"}'),
    },
    PARSERS,
  );
  const id = (await service.ask("/")).headers.get("x-ts-ec")!;
  await service.settled();
  return { service, id, cookie: `ts-ec=${id}`, others: [] as string[] };
}

/** Each kind of request and exactly the work that it takes. A change that adds work has to change this table. */
const kinds: {
  kind: string;
  partners?: object[];
  prepare?: (situation: Situation) => unknown;
  ask: (situation: Situation) => Asked;
  takes: Work;
}[] = [
  {
    kind: "a page for a visitor who was seen lately",
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: { ...IDLE, kernels: { peek: 1, validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "the same with a long cookie header and two ids",
    ask: ({ cookie }) => ({ headers: { cookie: `a=${"b".repeat(6000)}; ts-ec=forged; ${cookie}` } }),
    takes: { ...IDLE, kernels: { peek: 1, validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "a page for a visitor who was seen six minutes ago",
    prepare: ({ service }) => service.clock.advance(360_000),
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: {
      ...IDLE,
      store: { "get ec": 2, "get partners": 1, "put ec": 1 },
      kernels: { peek: 1, take: 2, validate: 1 },
      headers: PAGE_HEADERS,
    },
  },
  {
    kind: "a page for a new visitor",
    ask: () => ({}),
    takes: {
      ...IDLE,
      store: { "get ec": 1, "put ec": 1 },
      kernels: { hash64: 1, mint: 1, peek: 1, take: 3 },
      headers: VISIT_HEADERS,
    },
  },
  {
    kind: "a page where no jurisdiction is known",
    ask: ({ cookie }) => ({ headers: { cookie }, country: null }),
    takes: { ...IDLE, kernels: { validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "a page without consent, for a visitor without a cookie",
    ask: () => ({ country: "DE" }),
    takes: { ...IDLE, headers: PAGE_HEADERS },
  },
  {
    kind: "the same with cookies that are neither a signal nor an id",
    ask: () => ({ headers: { cookie: "theme=dark; session=0123456789" }, country: "DE" }),
    // One look at one field for all cookies. The others are an id and a signal that are no cookies.
    takes: { ...IDLE, headers: PAGE_HEADERS },
  },
  {
    kind: "a part of a page, for a visitor without an id",
    ask: () => ({ headers: { cookie: "theme=dark", "sec-fetch-dest": "image" } }),
    takes: { ...IDLE, headers: { ...PAGE_HEADERS, "sec-fetch-dest": 1 } },
  },
  {
    kind: "a withdrawal",
    ask: ({ cookie }) => ({ headers: { cookie }, country: "DE" }),
    takes: {
      ...IDLE,
      store: { "get ec": 2, "put ec": 1 },
      // Whether this address minted the id.
      kernels: { forget: 2, hashHex: 1, validate: 1 },
      headers: PAGE_HEADERS,
    },
  },
  {
    kind: "a page for a visitor whom ten partners know",
    partners: Array.from({ length: 10 }, (_, i) => puller(`puller-${i}`)),
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: {
      ...IDLE,
      store: { "get ec": 1 },
      kernels: { peek: 2, take: 1, validate: 1 },
      headers: { ...PAGE_HEADERS, ...TRACE_HEADERS },
    },
  },
  {
    kind: "the same once more",
    partners: Array.from({ length: 10 }, (_, i) => puller(`puller-${i}`)),
    prepare: ({ service, cookie }) => service.ask("/", { headers: { cookie } }),
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: { ...IDLE, kernels: { peek: 2, validate: 1 }, headers: PAGE_HEADERS },
  },
  // Partners, "Prebid on the page": only a page with the cookies costs more, and only the first of an hour.
  {
    kind: "a page with the cookies of Prebid.js, and no partner with a source",
    ask: ({ cookie }) => ({ headers: { cookie: `${cookie}; sharedId=s; ts-eids=W10=` } }),
    takes: { ...IDLE, kernels: { peek: 1, validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "a page without the cookies of Prebid.js, and a partner with a source",
    partners: [{ ...partner("partner"), sourceDomain: "pubcid.org" }],
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: { ...IDLE, kernels: { peek: 1, validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "a page with an id in a cookie of Prebid.js",
    partners: [{ ...partner("partner"), sourceDomain: "pubcid.org" }],
    ask: ({ cookie }) => ({ headers: { cookie: `${cookie}; sharedId=s` } }),
    takes: {
      ...IDLE,
      store: { "get ec": 2, "put ec": 1 },
      kernels: { peek: 2, take: 2, validate: 1 },
      headers: PAGE_HEADERS,
    },
  },
  {
    kind: "the same within an hour",
    partners: [{ ...partner("partner"), sourceDomain: "pubcid.org" }],
    prepare: ({ service, cookie }) => service.ask("/", { headers: { cookie: `${cookie}; sharedId=s` } }),
    ask: ({ cookie }) => ({ headers: { cookie: `${cookie}; sharedId=s` } }),
    takes: { ...IDLE, kernels: { peek: 2, validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "/identify with 20 partners",
    partners: Array.from({ length: 20 }, (_, i) => partner(`partner-${i}`)),
    prepare: ({ service, id }) =>
      service.services.graph.upsertKnown(
        id,
        Array.from({ length: 20 }, (_, i) => ({ partner: `partner-${i}`, uid: `uid-${i}`, synced: 1 })),
      ),
    ask: ({ cookie }) => ({ path: "/identify", headers: { cookie } }),
    takes: {
      ...IDLE,
      store: { "get ec": 1 },
      kernels: { peek: 1, validate: 1 },
      headers: { ...PAGE_HEADERS, origin: 1 },
    },
  },
  {
    kind: "a batch of 1,000 mappings of one visitor",
    partners: [partner("partner")],
    ask: ({ id }) => ({
      path: "/_ts/api/v1/sync",
      method: "POST",
      headers: { authorization: `Bearer ${KEY}partner`, "content-type": "application/json" },
      body: JSON.stringify({
        mappings: Array.from({ length: MAX_MAPPINGS }, (_, i) => ({
          ec_id: id,
          partner_uid: `uid-${i}`,
          timestamp: i,
        })),
      }),
    }),
    takes: {
      ...IDLE,
      store: { "get ec": 1, "put ec": 1 },
      kernels: { equal: 1, sha256: 1, take: 1, validate: 1000 },
      headers: { ...PAGE_HEADERS, authorization: 1, "content-encoding": 1, "content-length": 1 },
    },
  },
  {
    kind: "a page with consent by a TC string",
    ask: ({ cookie, service }) => ({
      headers: { cookie: `${cookie}; euconsent-v2=${tcfString({ lastUpdatedMs: service.clock.now() })}` },
      country: "DE",
    }),
    takes: {
      ...IDLE,
      kernels: { peek: 1, validate: 1 },
      headers: PAGE_HEADERS,
      parsed: { cookies: 1, tcf: 1 },
    },
  },
  {
    kind: "a page with consent by a GPP string",
    ask: ({ cookie }) => ({
      headers: { cookie: `${cookie}; __gpp=${gppString({ saleOptOut: { usnat: 2 } })}; __gpp_sid=7` },
      country: "US",
      region: "CA",
    }),
    takes: {
      ...IDLE,
      kernels: { peek: 1, validate: 1 },
      headers: PAGE_HEADERS,
      parsed: { cookies: 1, gpp: 1 },
    },
  },
  {
    kind: "a page where the same consent strings need no decoding",
    ask: ({ cookie, service }) => ({
      headers: { cookie: `${cookie}; euconsent-v2=${tcfString({ lastUpdatedMs: service.clock.now() })}` },
    }),
    takes: { ...IDLE, kernels: { peek: 1, validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "a page for a new visitor, and the answers of ten partners",
    partners: Array.from({ length: 10 }, (_, i) => puller(`puller-${i}`)),
    ask: () => ({}),
    // For each answer one write, after a look at the entry; before the next is asked, a look at whether it still has to be.
    takes: {
      ...IDLE,
      store: { "get ec": 23, "put ec": 11 },
      kernels: { count: 11, forget: 10, hash64: 1, mint: 1, peek: 2, take: 14 },
      headers: { ...VISIT_HEADERS, ...TRACE_HEADERS },
      calls: 10,
    },
  },
  {
    kind: "a page for a known visitor with ten partners to ask",
    partners: Array.from({ length: 10 }, (_, i) => puller(`puller-${i}`)),
    prepare: ({ service }) => service.clock.advance(90_000_000),
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: {
      ...IDLE,
      store: { "get ec": 24, "get partners": 1, "put ec": 11 },
      kernels: { count: 11, forget: 10, peek: 2, take: 13, validate: 1 },
      headers: { ...PAGE_HEADERS, ...TRACE_HEADERS },
      calls: 10,
    },
  },
  {
    kind: "/identify for a visitor without an id",
    ask: () => ({ path: "/identify" }),
    takes: { ...IDLE, headers: { ...PAGE_HEADERS, origin: 1 } },
  },
  {
    kind: "/sync: a pixel",
    partners: [{ ...partner("partner"), allowedReturnDomains: ["sync.partner.example"] }],
    ask: ({ cookie }) => ({
      path: `/sync?${new URLSearchParams({ partner: "partner", uid: "u", return: "https://sync.partner.example/" })}`,
      headers: { cookie },
    }),
    takes: {
      ...IDLE,
      store: { "get ec": 1, "put ec": 1 },
      kernels: { hashHex: 1, peek: 1, take: 1, validate: 1 },
      headers: PAGE_HEADERS,
    },
  },
  {
    kind: "a batch with nobody's key",
    partners: [partner("partner")],
    ask: () => ({
      path: "/_ts/api/v1/sync",
      method: "POST",
      headers: { authorization: "Bearer nobody", "content-type": "application/json" },
      body: "{}",
    }),
    takes: { ...IDLE, kernels: { sha256: 1 }, headers: { ...PAGE_HEADERS, authorization: 1 } },
  },
  {
    kind: "a batch of 1,000 mappings of 1,000 visitors",
    partners: [partner("partner")],
    prepare: async ({ service, others }) => {
      for (let i = 0; i < MAX_MAPPINGS; i++) {
        const id = service.mint(`192.0.${i >> 8}.${i & 255}`);
        others.push(id);
        await service.services.graph.createOrRevive(id, minimalEntry(toSeconds(service.clock.now())));
      }
    },
    ask: ({ others }) => ({
      path: "/_ts/api/v1/sync",
      method: "POST",
      headers: { authorization: `Bearer ${KEY}partner`, "content-type": "application/json" },
      body: JSON.stringify({
        mappings: others.map((ec_id, i) => ({ ec_id, partner_uid: `uid-${i}`, timestamp: i })),
      }),
    }),
    takes: {
      ...IDLE,
      store: { "get ec": 1000, "put ec": 1000 },
      kernels: { equal: 1, sha256: 1, take: 1, validate: 1000 },
      headers: { ...PAGE_HEADERS, authorization: 1, "content-encoding": 1, "content-length": 1 },
    },
  },
];

// By `%s`, because `$kind` would be cut short.
test.each(kinds.map((kind) => [kind.kind, kind] as const))("%s", async (_, kind) => {
  const situation = await prepared(kind.partners);
  await kind.prepare?.(situation);
  await situation.service.settled();
  expect(await situation.service.count(kind.ask(situation))).toEqual(kind.takes);
});
