/** Partners, "Prebid on the page": ids from the cookies of a page's Prebid.js reach the graph. */
import { describe, expect, test } from "vitest";
import { tcfString } from "../../../support/consent-strings.ts";
import { type TestService, testService, VISITOR } from "../../../support/service.ts";

const partner = (id: string, fields: object = {}) => ({
  id,
  bidstreamEnabled: true,
  sourceDomain: `${id}.example`,
  ...fields,
});
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const eid = (source: string, ...ids: string[]) => ({ source, uids: ids.map((id) => ({ id, atype: 1 })) });

async function setUp(
  partners = [partner("one"), partner("two"), partner("shared", { sourceDomain: "pubcid.org" })],
) {
  const t = testService({ config: { partners } });
  const id = (await t.ask("/")).headers.get("x-ts-ec")!;
  await t.settled();
  const visit = async (cookies: Record<string, string>, path = "/", client: object = {}) => {
    const answer = await t.ask(path, { cookies: { "ts-ec": id, ...cookies }, client });
    await t.settled();
    return answer;
  };
  return Object.assign(t, { id, visit });
}

async function uids({ entry, id }: TestService & { id: string }) {
  return Object.fromEntries(
    Object.entries((await entry(id))?.ids ?? {}).map(([name, { uid }]) => [name, uid]),
  );
}

/** Operations of the store on the graph since the last call. */
function graphWork(t: TestService): string[] {
  return t.store.asked
    .splice(0)
    .filter(({ key }) => key.startsWith("ec:"))
    .map(({ operation }) => operation);
}

test("a page's cookies reach the graph, each source under its partner, and /identify returns them", async () => {
  const t = await setUp();
  const eids = base64([
    eid("ONE.example", "0", "", "u1", "u2"),
    eid("stranger.example", "x"),
    { source: "two.example", id: "flat" },
  ]);
  await t.visit({ "ts-eids": eids, sharedId: "s1" });
  expect(await uids(t)).toEqual({ one: "u1", two: "flat", shared: "s1" });
  const identity = await (await t.visit({}, "/identify")).json();
  expect(identity.uids).toEqual({ one: "u1", two: "flat", shared: "s1" });
});

test("a visit that mints an id takes the ids of its cookies", async () => {
  const t = await setUp();
  const answer = await t.ask("/", { cookies: { sharedId: "s1" }, client: { ip: "203.0.113.9" } });
  await t.settled();
  expect((await t.entry(answer.headers.get("x-ts-ec")!))?.ids).toMatchObject({ shared: { uid: "s1" } });
});

test("nothing is written where nothing changed, and the same cookies are read once an hour", async () => {
  const t = await setUp();
  const first = { "ts-eids": base64([eid("one.example", "u1")]) };
  await t.visit(first);
  graphWork(t);
  await t.visit(first);
  expect(graphWork(t)).toEqual([]);
  // Other cookies with the same id.
  await t.visit({ "ts-eids": base64([eid("one.example", "u1"), eid("x.example", "x")]) });
  expect(graphWork(t)).toEqual(["get"]);
  t.clock.advance(1000);
  await t.visit({ "ts-eids": base64([eid("one.example", "u2")]) });
  expect(graphWork(t).filter((operation) => operation === "put")).toEqual(["put"]);
  expect(await uids(t)).toEqual({ one: "u2" });
});

test("the service's own routes take nothing", async () => {
  const t = await setUp();
  await t.visit({ sharedId: "s1" }, "/identify");
  await t.visit({ sharedId: "s1" }, "/_ts/health");
  expect(await uids(t)).toEqual({});
});

test("every partner of a source gets the first valid id, and pages see it once", async () => {
  const t = await setUp([
    partner("b", { sourceDomain: "x.example" }),
    partner("a", { sourceDomain: "x.example" }),
  ]);
  await t.visit({ "ts-eids": base64([eid("x.example", "", "u1", "u2")]) });
  expect(await uids(t)).toEqual({ a: "u1", b: "u1" });
  const { eids } = await (await t.visit({}, "/identify")).json();
  expect(eids).toEqual([{ source: "x.example", uids: [{ id: "u1", atype: 3 }] }]);
  t.services.registry.configure([]);
  expect(t.services.registry.hasSources()).toBe(false);
});

describe("the gate", () => {
  test("without consent nothing is taken, and the cookie's deletion is all that happens", async () => {
    const t = await setUp();
    await t.visit({ sharedId: "s1", us_privacy: "1YYN" });
    expect(await uids(t)).toEqual({});
    expect((await t.entry(t.id))?.consent.ok).toBe(false);
  });

  test("where the GDPR applies, a partner needs vendor consent", async () => {
    const t = await setUp([partner("one", { gvlId: 5 }), partner("two", { gvlId: 99 }), partner("none")]);
    const tcf = tcfString({ lastUpdatedMs: t.clock.now(), vendors: [5] });
    const eids = base64([eid("one.example", "u1"), eid("two.example", "u2"), eid("none.example", "u3")]);
    await t.visit({ "ts-eids": eids, "euconsent-v2": tcf }, "/", { country: "FR" });
    expect(await uids(t)).toEqual({ one: "u1" });
    expect(t.services.metrics.text()).toContain(
      'millrace_ec_page_ids_total{outcome="denied",partner="two"} 1',
    );
  });

  test("of the partners of one source, only those that may have the id get it", async () => {
    const source = { sourceDomain: "x.example" };
    const t = await setUp([
      partner("one", { ...source, gvlId: 5 }),
      partner("two", { ...source, gvlId: 99 }),
    ]);
    const tcf = tcfString({ lastUpdatedMs: t.clock.now(), vendors: [99] });
    const cookies = { "ts-eids": base64([eid("x.example", "u1")]), "euconsent-v2": tcf };
    await t.visit(cookies, "/", { country: "FR" });
    expect(await uids(t)).toEqual({ two: "u1" });
  });

  test("an auction has no EID of a partner without vendor consent, also if the page brought it", async () => {
    const bids: string[] = [];
    const t = testService({
      config: {
        partners: [partner("one", { gvlId: 5 }), partner("two", { gvlId: 99 })],
        auction: { endpoint: "https://pbs.example/auction" },
      },
      fetch: async (_, init) => {
        bids.push(String(init?.body));
        return Response.json({});
      },
    });
    const eids = [eid("one.example", "u1"), eid("TWO.example", "u2"), eid("x.example", "u3"), "no EID"];
    const ask = (country: string, cookies: Record<string, string>) =>
      t.ask("/auction", {
        method: "POST",
        body: JSON.stringify({ id: "a", user: { eids: [eids[1]], ext: { eids } } }),
        cookies,
        client: { country },
      });
    await ask("FR", { "euconsent-v2": tcfString({ lastUpdatedMs: t.clock.now(), vendors: [5] }) });
    await ask("JP", {});
    const [france, japan] = bids.map((bid) => JSON.parse(bid).user);
    expect(france.eids).toEqual([eids[0], eids[2], "no EID"]);
    expect(japan.eids).toEqual([eids[1], eids[0], eids[2], "no EID"]);
    expect([france.ext, japan.ext]).toEqual([undefined, undefined]);
  });

  test("an id that the graph does not know and this address did not mint gets nothing", async () => {
    const t = await setUp();
    const forged = t.mint("198.51.100.7");
    await t.ask("/", { cookies: { "ts-ec": forged, sharedId: "s1" }, client: VISITOR });
    await t.settled();
    expect(await t.entry(forged)).toBeNull();
  });
});
