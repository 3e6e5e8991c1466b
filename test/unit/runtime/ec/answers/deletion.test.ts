import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { memoryStore } from "../../../../../runtime/stores/memory.ts";
import { manualClock } from "../../../../support/manual-clock.ts";
import { type Ask, DOMAIN, type TestService, testService } from "../../../../support/service.ts";
import { CONFIGURED, KEY, newVisitor, operator, upload } from "../partners/support.ts";

const PATH = "/_ts/api/v1/identity";
const remove = (t: TestService, ask: Ask = {}, query = "") =>
  t.ask(PATH + query, { method: "DELETE", ...ask });
const DELETED = `ts-ec=; Domain=.${DOMAIN}; Path=/; Secure; SameSite=Lax; Max-Age=0`;

describe("by the visitor", () => {
  test("deletes the entry and the cookie, and leaves only a mark", async () => {
    const t = testService();
    const id = await newVisitor(t);
    const answer = await remove(t, { cookies: { "ts-ec": id }, headers: { origin: `https://${DOMAIN}` } });
    await t.settled();
    expect(answer.status).toBe(204);
    expect(answer.headers.get("set-cookie")).toBe(DELETED);
    expect(await t.entry(id)).toBeNull();
    expect((await t.store.get(`ec:${id}`))!.metadata).toEqual({
      ok: false,
      country: null,
      v: 1,
      deleted: true,
    });
  });

  test("leaves no tombstone, whether consent allows an id or not", async () => {
    const t = testService();
    const id = await newVisitor(t);
    const answer = await remove(t, { cookies: { "ts-ec": id }, client: { country: "FR" } });
    await t.settled();
    expect(answer.status).toBe(204);
    expect(answer.headers.getSetCookie()).toEqual([DELETED]);
    expect(await t.entry(id)).toBeNull();
    expect((await t.store.get(`ec:${id}`))!.metadata).toEqual({
      ok: false,
      country: null,
      v: 1,
      deleted: true,
    });
  });

  test("a tombstone may be deleted, too", async () => {
    const t = testService();
    const id = await newVisitor(t);
    await t.services.graph.tombstone(id, () => true);
    expect((await remove(t, { cookies: { "ts-ec": id } })).status).toBe(204);
    expect(await t.entry(id)).toBeNull();
  });

  test("deletes the cookie's id, not the header's", async () => {
    const t = testService();
    const [own, other] = [await newVisitor(t), await newVisitor(t)];
    const headers = { "x-ts-ec": other };
    expect((await remove(t, { headers })).status).toBe(401);
    const answer = await remove(t, { headers, cookies: { "ts-ec": own } });
    expect(answer.headers.getSetCookie()).toEqual([DELETED]);
    expect(await t.entry(own)).toBeNull();
    expect(await t.entry(other)).not.toBeNull();
  });

  test("deletes a cookie without a valid id; without a cookie the answer is 401", async () => {
    const t = testService();
    const broken = await remove(t, { cookies: { "ts-ec": "nonsense" } });
    expect(broken.status).toBe(204);
    expect(broken.headers.get("set-cookie")).toBe(DELETED);
    const nothing = await remove(t);
    expect(nothing.status).toBe(401);
    expect(nothing.headers.get("www-authenticate")).toBe("Bearer");
  });

  test.each([
    "https://evil.example",
    "http://publisher.example.evil.example",
    "null",
    "http://publisher.example:1",
  ])("not from a page of %s", async (origin) => {
    const t = testService();
    const id = await newVisitor(t);
    const answer = await remove(t, { cookies: { "ts-ec": id }, headers: { origin } });
    expect(answer.status).toBe(403);
    expect(await t.entry(id)).not.toBeNull();
  });

  test("from pages of the publisher's subdomains, preflight included, and of the host itself", async () => {
    const t = testService();
    const origin = `https://www.${DOMAIN}`;
    const preflight = await t.ask(PATH, { method: "OPTIONS", headers: { origin } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-methods")).toBe("DELETE");
    for (const from of [origin, `http://${DOMAIN}`]) {
      const id = await newVisitor(t);
      const answer = await remove(t, { cookies: { "ts-ec": id }, headers: { origin: from } });
      expect(answer.status).toBe(204);
      expect(answer.headers.get("access-control-allow-origin")).toBe(from);
    }
  });

  test("503 while the store is down or hangs; the cookie stays, so that the visitor can try again", async () => {
    const t = testService();
    const id = await newVisitor(t);
    t.store.mode = "down";
    const answer = await remove(t, { cookies: { "ts-ec": id } });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("set-cookie")).toBeNull();
    t.store.mode = "hanging";
    const hanging = remove(t, { cookies: { "ts-ec": id } });
    await t.clock.settle(5000);
    expect((await hanging).status).toBe(503);
  });
});

// Safe first, section 6: a deletion holds against what was under way.
describe("what is under way", () => {
  const BACK = "https://sync.ssp.example/done";
  const puller = {
    ...CONFIGURED,
    pullSyncEnabled: true,
    pullSyncUrl: "https://pull.ssp.example/",
    pullSyncAllowedDomains: ["pull.ssp.example"],
    pullToken: "token",
  };
  const pixel = (t: TestService, id: string) =>
    t.ask(`/sync?${new URLSearchParams({ partner: "ssp_x", uid: "u", return: BACK })}`, {
      cookies: { "ts-ec": id },
    });
  const page = (t: TestService, id: string) => t.ask("/", { cookies: { "ts-ec": id } });

  /** Two instances on one store, and what lets writes that lost a race be tried again. */
  function instances() {
    const clock = manualClock();
    const options = {
      clock,
      store: memoryStore({ clock }),
      config: { partners: [puller] },
      fetch: async () => new Response('{"uid":"pulled"}'),
    };
    const both = [testService(options), testService(options)] as const;
    return {
      both,
      async over(work: readonly Promise<unknown>[]): Promise<void> {
        await clock.settle(5000);
        await Promise.all(work);
        for (const t of both) await t.settled();
        await clock.settle(5000);
      },
    };
  }

  test("100 deletions while pixels, pages and an upload of the same visitors are in flight: no id comes back", async () => {
    const { both, over } = instances();
    const [one, other] = both;
    const ids: string[] = [];
    for (let i = 0; i < 100; i++) ids.push(await newVisitor(one));
    const mappings = ids.map((ec_id) => ({ ec_id, partner_uid: "b", timestamp: one.clock.now() / 1000 }));
    await over([
      upload(one, mappings),
      upload(other, mappings),
      ...ids.flatMap((id) => [
        pixel(one, id),
        pixel(other, id),
        page(other, id),
        remove(one, { cookies: { "ts-ec": id } }),
        pixel(one, id),
        pixel(other, id),
        page(one, id),
      ]),
      upload(one, mappings),
    ]);
    // What arrives only now was sent before the browser heard of the deletion.
    await over(ids.flatMap((id) => [pixel(one, id), pixel(other, id), page(one, id), page(other, id)]));
    for (const id of ids) {
      expect(await one.entry(id)).toBeNull();
      expect((await one.store.get(`ec:${id}`))!.value).not.toContain("uid");
    }
  });

  test("a deletion while the store is slow wins over the writes that began before it", async () => {
    const { both, over } = instances();
    const [one, other] = both;
    const id = await newVisitor(one);
    // Held: the pixel's look at the entry, until the deletion is done.
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const get = other.store.get.bind(other.store);
    other.store.get = async (key) => {
      const entry = await get(key);
      if (key.startsWith("ec:")) await held;
      return entry;
    };
    const late = pixel(other, id);
    await one.clock.settle(0);
    expect((await remove(one, { cookies: { "ts-ec": id } })).status).toBe(204);
    release();
    await over([late]);
    expect(await one.entry(id)).toBeNull();
  });

  test("after a deletion pixels and uploads are refused, and /identify has no ids", async () => {
    const t = testService({ config: { partners: [CONFIGURED] } });
    const id = await newVisitor(t);
    await remove(t, { cookies: { "ts-ec": id } });
    expect((await pixel(t, id)).headers.get("location")).toBe(`${BACK}?ts_synced=0&ts_reason=write_failed`);
    const answer = await upload(t, [{ ec_id: id, partner_uid: "u", timestamp: 1 }], KEY);
    expect(await answer.json()).toMatchObject({ errors: [{ index: 0, reason: "ec_id_not_found" }] });
    const identity = await t.ask("/identify", { cookies: { "ts-ec": id } });
    expect(await identity.json()).toMatchObject({ uids: {}, eids: [], degraded: false });
    expect((await t.ask(`/_ts/admin/identity/${id}`, { headers: operator })).status).toBe(404);
  });

  test("a pull that was due is not made", async () => {
    const t = testService({
      config: { partners: [{ ...puller, maxPerMinute: 1 }] },
      fetch: async () => new Response('{"uid":"pulled"}'),
    });
    await newVisitor(t); // takes the minute's one request
    const id = await newVisitor(t, { client: { ip: "203.0.113.9" } });
    // By another instance: this one's queue is not told.
    const elsewhere = testService({ clock: t.clock, store: t.store });
    await remove(elsewhere, { headers: operator }, `?ec_id=${id}`);
    await t.clock.settle(120_000);
    await t.settled();
    expect(t.calls.filter(({ url }) => url.includes(id))).toEqual([]);
    expect(await t.entry(id)).toBeNull();
  });

  test("the mark expires after an hour; a visitor who still has the cookie gets an empty entry", async () => {
    const t = testService();
    const id = await newVisitor(t);
    await t.services.graph.upsertPartnerId(id, "ssp_x", "u-1", 5);
    await remove(t, { headers: operator }, `?ec_id=${id}`);
    t.clock.advance(3_600_001);
    await page(t, id);
    await t.settled();
    expect(await t.entry(id)).toMatchObject({ ids: {}, consent: { ok: true } });
  });

  test("an unknown id gets a mark only from an address that could have minted it", async () => {
    const t = testService();
    const [own, foreign] = [t.mint(), t.mint("198.51.100.7")];
    for (const id of [own, foreign]) expect((await remove(t, { cookies: { "ts-ec": id } })).status).toBe(204);
    expect(await t.store.get(`ec:${own}`)).not.toBeNull();
    expect(await t.store.get(`ec:${foreign}`)).toBeNull();
  });

  test("an unreadable entry is deleted, too", async () => {
    const t = testService();
    const id = await newVisitor(t);
    await t.store.put(`ec:${id}`, "no JSON, but a uid");
    expect((await remove(t, { cookies: { "ts-ec": id } })).status).toBe(204);
    expect(await t.entry(id)).toBeNull();
  });
});

describe("by an operator", () => {
  // Safe first, section 7: compression.
  test("the body may be compressed; 415 where it is otherwise, and then nothing is deleted", async () => {
    const t = testService();
    const id = await newVisitor(t);
    const send = (coding: string) =>
      remove(t, {
        headers: { ...operator, "content-encoding": coding },
        body: gzipSync(JSON.stringify({ ec_id: id })),
      });
    const refused = await send("br");
    expect([refused.status, refused.headers.get("accept-encoding")]).toEqual([415, "gzip, deflate"]);
    expect(await t.entry(id)).not.toBeNull();
    expect((await send("gzip")).status).toBe(204);
    expect(await t.entry(id)).toBeNull();
  });

  test("204 for the id in the body or in the query, known or not", async () => {
    const t = testService();
    const [a, b] = [await newVisitor(t), await newVisitor(t)];
    const answer = await remove(t, { headers: operator, body: JSON.stringify({ ec_id: a }) });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect((await remove(t, { headers: operator }, `?ec_id=${b}`)).status).toBe(204);
    expect(await t.entry(a)).toBeNull();
    expect(await t.entry(b)).toBeNull();
    expect((await remove(t, { headers: operator }, `?ec_id=${b}`)).status).toBe(204);
    // The log tells of it without telling whose it was.
    expect(t.log.join("\n")).toContain(`"ec":"${a.slice(0, 8)}"`);
    expect(t.log.join("\n")).not.toContain(a.slice(0, 12));
  });

  test("a wrong token is refused, even beside a cookie", async () => {
    const t = testService();
    const id = await newVisitor(t);
    const headers = { authorization: "Bearer wrong" };
    expect((await remove(t, { headers, cookies: { "ts-ec": id } })).status).toBe(401);
    expect((await remove(t, { headers }, `?ec_id=${id}`)).status).toBe(401);
    expect(await t.entry(id)).not.toBeNull();
  });

  test("400 without a valid id", async () => {
    const t = testService();
    for (const body of [undefined, "", "{", "[]", '{"ec_id":7}', '{"ec_id":"x"}', " ".repeat(5000)]) {
      const answer = await remove(t, { headers: operator, ...(body === undefined ? {} : { body }) });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: "invalid_ec_id" });
    }
  });
});

describe("the look-up of one id", () => {
  const lookUp = (t: TestService, id: string, headers: Record<string, string> = operator) =>
    t.ask(`/_ts/admin/identity/${id}`, { headers });

  test("200 with everything the graph holds", async () => {
    const t = testService();
    const id = await newVisitor(t);
    await t.services.graph.upsertPartnerId(id, "ssp_x", "u-1", 5);
    const answer = await lookUp(t, id);
    const nowSeconds = Math.floor(t.clock.now() / 1000);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toEqual({
      ec_id: id,
      entry: {
        v: 1,
        created: nowSeconds,
        last_seen: nowSeconds,
        consent: { ok: true, updated: nowSeconds },
        geo: { country: "JP" },
        ids: { ssp_x: { uid: "u-1", synced: 5 } },
      },
    });
  });

  test("401, 400, 404 and 503", async () => {
    const t = testService();
    const id = t.mint();
    expect((await lookUp(t, id, {})).status).toBe(401);
    expect((await lookUp(t, "nonsense")).status).toBe(400);
    expect((await lookUp(t, id)).status).toBe(404);
    t.store.mode = "down";
    expect((await lookUp(t, id)).status).toBe(503);
    expect(t.log.join()).not.toContain(id.slice(0, 12));
  });
});
