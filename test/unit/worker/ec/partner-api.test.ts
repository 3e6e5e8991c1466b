/** Partners read back and delete their own mappings, know their limits, and learn which methods a path has. */
import { describe, expect, test } from "vitest";
import { ADMIN_TOKEN, type TestService, testService } from "../../../support/service.ts";

const KEYS = { one: "key-of-partner-one", two: "key-of-partner-two" };
const PARTNERS = Object.entries(KEYS).map(([id, apiKey]) => ({
  id,
  apiKey,
  batchRateLimit: 3,
  allowedReturnDomains: [`${id}.example`],
}));

const setUp = () => testService({ config: { partners: PARTNERS } });
const as = (who: keyof typeof KEYS) => ({ authorization: `Bearer ${KEYS[who]}` });
const operator = { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };

async function visitor(t: TestService): Promise<string> {
  const id = (await t.ask("/")).headers.get("x-ts-ec")!;
  await t.settled();
  await t.services.graph.upsertPartnerId(id, "one", "uid-1", 1_700_000_000);
  await t.services.graph.upsertPartnerId(id, "two", "uid-2", 1_700_000_000);
  return id;
}

describe("one mapping", () => {
  test("is read by its partner, in the form in which it was uploaded", async () => {
    const t = setUp();
    const id = await visitor(t);
    const answer = await t.ask(`/_ts/api/v1/sync/${id}`, { headers: as("one") });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toEqual({ ec_id: id, partner_uid: "uid-1", timestamp: 1_700_000_000 });
    const upload = {
      method: "POST",
      body: JSON.stringify({ mappings: [{ ec_id: id, partner_uid: "uid-1", timestamp: 5 }] }),
    };
    expect(await (await t.ask("/_ts/api/v1/sync", { ...upload, headers: as("one") })).json()).toMatchObject({
      accepted: 1,
    });
  });

  test("is deleted by its partner, and no other one's with it", async () => {
    const t = setUp();
    const id = await visitor(t);
    const remove = () => t.ask(`/_ts/api/v1/sync/${id}`, { method: "DELETE", headers: as("one") });
    expect((await remove()).status).toBe(204);
    expect((await t.entry(id))?.ids).toEqual({ two: { uid: "uid-2", synced: 1_700_000_000 } });
    expect((await remove()).status).toBe(204);
    const gone = await t.ask(`/_ts/api/v1/sync/${id}`, { headers: as("one") });
    expect([gone.status, ((await gone.json()) as { error: string }).error]).toEqual([
      404,
      "mapping_not_found",
    ]);
  });

  test("of an unknown id is no mapping, and deleting it writes nothing", async () => {
    const t = setUp();
    const path = `/_ts/api/v1/sync/${t.mint()}`;
    t.store.asked.length = 0;
    expect((await t.ask(path, { headers: as("one") })).status).toBe(404);
    expect((await t.ask(path, { method: "DELETE", headers: as("one") })).status).toBe(204);
    expect(t.store.asked.filter(({ operation }) => operation === "put" || operation === "delete")).toEqual(
      [],
    );
  });

  test.each(["GET", "DELETE"])(
    "%s without a key, with a broken id, or with the store down",
    async (method) => {
      const t = setUp();
      const id = await visitor(t);
      expect((await t.ask(`/_ts/api/v1/sync/${id}`, { method })).status).toBe(401);
      expect((await t.ask("/_ts/api/v1/sync/nonsense", { method, headers: as("one") })).status).toBe(400);
      t.store.mode = "down";
      expect((await t.ask(`/_ts/api/v1/sync/${id}`, { method, headers: as("one") })).status).toBe(503);
    },
  );
});

test("the RateLimit fields count down, and Retry-After agrees with them", async () => {
  const t = setUp();
  const id = await visitor(t);
  const seen: (string | null)[] = [];
  for (let n = 0; n < 4; n++) {
    const answer = await t.ask(`/_ts/api/v1/sync/${id}`, { headers: as("one") });
    expect(answer.headers.get("ratelimit-policy")).toBe('"minute";q=3;w=60');
    seen.push(answer.headers.get("ratelimit"), answer.headers.get("retry-after"));
    t.clock.advance(1000);
  }
  expect(seen).toEqual([
    '"minute";r=2',
    null,
    '"minute";r=1',
    null,
    '"minute";r=0',
    null,
    '"minute";r=0;t=57',
    "57",
  ]);
  const other = await t.ask(`/_ts/api/v1/sync/${id}`, { headers: as("two") });
  expect(other.headers.get("ratelimit")).toBe('"minute";r=2');
  const pixel = await t.ask(`/sync?partner=one&uid=u&return=${encodeURIComponent("https://one.example/")}`, {
    cookies: { "ts-ec": id },
  });
  expect(pixel.headers.get("ratelimit-policy")).toBe('"hour";q=100;w=3600');
  expect(pixel.headers.get("ratelimit")).toBe('"hour";r=99');
});

test.each([
  ["POST", "/identify", "GET, HEAD, OPTIONS"],
  ["GET", "/auction", "POST"],
  ["PUT", "/_ts/api/v1/sync", "POST"],
  ["POST", `/_ts/api/v1/sync/${"a".repeat(64)}.Abc123`, "GET, HEAD, DELETE"],
  ["DELETE", "/_ts/health", "GET, HEAD"],
])("%s %s is 405 with Allow", async (method, path, allow) => {
  const answer = await setUp().ask(path, { method });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
  expect(await answer.json()).toMatchObject({ error: "method_not_allowed" });
});

test("a path that no route has stays 404, also with one part more", async () => {
  const t = setUp();
  for (const path of ["/_ts/nothing", "/_ts/api/v1/sync/a/b", "/_ts/health/"]) {
    expect((await t.ask(path)).status).toBe(404);
  }
});

test("the operator reads one partner, and all of them in pages", async () => {
  const t = setUp();
  const one = await t.ask("/_ts/admin/partners/one", operator);
  expect([one.status, await one.json()]).toMatchObject([
    200,
    { id: "one", source: "configuration", has_api_key: true },
  ]);
  expect((await t.ask("/_ts/admin/partners/three", operator)).status).toBe(404);
  const ids = async (query: string) => {
    const answer = await t.ask(`/_ts/admin/partners${query}`, operator);
    const { partners, next } = (await answer.json()) as { partners: { id: string }[]; next: string | null };
    return [partners.map(({ id }) => id).join(), next];
  };
  expect(await ids("")).toEqual(["one,two", null]);
  expect(await ids("?limit=1")).toEqual(["one", "one"]);
  expect(await ids("?limit=1&after=one")).toEqual(["two", null]);
  expect((await t.ask("/_ts/admin/partners?limit=0", operator)).status).toBe(400);
});
