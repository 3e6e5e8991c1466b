import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { MAX_MAPPINGS } from "../../../runtime/ec/batch-sync.ts";
import { type Asked, countedService, type Work } from "../../support/count-work.ts";

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

/** What every request for a page reads. */
const PAGE_HEADERS = { cookie: 1, "sec-gpc": 1, "x-ts-ec": 1 };
/** What a route's own code reads, too. */
const nothing = { store: {}, kernels: {}, calls: 0, log: 0 };

type Situation = Awaited<ReturnType<typeof prepared>>;

/** A service, and a visitor whom it knows. */
async function prepared(partners: object[] = []) {
  const service = countedService({
    config: { partners: partners as ReturnType<typeof partner>[] },
    fetch: async () => new Response('{"uid":"u"}'),
  });
  const id = (await service.ask("/")).headers.get("x-ts-ec")!;
  await service.settled();
  return { service, id, cookie: `ts-ec=${id}` };
}

/** Each kind of request, and exactly what it may take. A change that makes it more has to change this table. */
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
    takes: { ...nothing, kernels: { peek: 1, validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "the same with a long cookie header and two ids",
    ask: ({ cookie }) => ({ headers: { cookie: `a=${"b".repeat(6000)}; ts-ec=forged; ${cookie}` } }),
    takes: { ...nothing, kernels: { peek: 1, validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "a page for a visitor who was seen six minutes ago",
    prepare: ({ service }) => service.clock.advance(360_000),
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: {
      ...nothing,
      store: { "get ec": 2, "get partners": 1, "put ec": 1 },
      kernels: { peek: 1, take: 2, validate: 1 },
      headers: PAGE_HEADERS,
    },
  },
  {
    kind: "a page for a new visitor",
    ask: () => ({}),
    takes: {
      ...nothing,
      store: { "get ec": 1, "put ec": 1 },
      kernels: { mint: 1, peek: 1, take: 2 },
      headers: PAGE_HEADERS,
    },
  },
  {
    kind: "a page where no jurisdiction is known",
    ask: ({ cookie }) => ({ headers: { cookie }, country: null }),
    takes: { ...nothing, kernels: { validate: 1 }, headers: PAGE_HEADERS },
  },
  {
    kind: "a page without consent, for a visitor without a cookie",
    ask: () => ({ country: "DE" }),
    takes: { ...nothing, headers: PAGE_HEADERS },
  },
  {
    kind: "a withdrawal",
    ask: ({ cookie }) => ({ headers: { cookie }, country: "DE" }),
    takes: {
      ...nothing,
      store: { "get ec": 2, "put ec": 1 },
      kernels: { forget: 2, validate: 1 },
      headers: PAGE_HEADERS,
    },
  },
  {
    kind: "a page for a visitor whom ten partners know",
    partners: Array.from({ length: 10 }, (_, i) => puller(`puller-${i}`)),
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: {
      ...nothing,
      store: { "get ec": 1 },
      kernels: { peek: 2, take: 1, validate: 1 },
      headers: PAGE_HEADERS,
    },
  },
  {
    kind: "the same once more",
    partners: Array.from({ length: 10 }, (_, i) => puller(`puller-${i}`)),
    prepare: ({ service, cookie }) => service.ask("/", { headers: { cookie } }),
    ask: ({ cookie }) => ({ headers: { cookie } }),
    takes: { ...nothing, kernels: { peek: 2, validate: 1 }, headers: PAGE_HEADERS },
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
      ...nothing,
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
      ...nothing,
      store: { "get ec": 1, "put ec": 1 },
      kernels: { equal: 1, sha256: 1, take: 1, validate: 1000 },
      headers: { ...PAGE_HEADERS, authorization: 1, "content-length": 1 },
    },
  },
];

test.each(kinds)("$kind", async ({ partners = [], prepare, ask, takes }) => {
  const situation = await prepared(partners);
  await prepare?.(situation);
  await situation.service.settled();
  const asked = ask(situation);
  expect(await situation.service.count(asked)).toEqual(takes);
});
