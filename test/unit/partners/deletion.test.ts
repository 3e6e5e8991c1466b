import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Ask, DOMAIN, type TestService, testService } from "../../support/service.ts";
import { newVisitor, operator } from "./support.ts";

const PATH = "/_ts/api/v1/identity";
const remove = (t: TestService, ask: Ask = {}, query = "") =>
  t.ask(PATH + query, { method: "DELETE", ...ask });
const DELETED = `ts-ec=; Domain=.${DOMAIN}; Path=/; Secure; SameSite=Lax; Max-Age=0`;

describe("by the visitor", () => {
  test("the entry and the cookie go, and the request leaves no new row", async () => {
    const t = testService();
    const id = await newVisitor(t);
    const answer = await remove(t, { cookies: { "ts-ec": id }, headers: { origin: `https://${DOMAIN}` } });
    await t.settled();
    expect(answer.status).toBe(204);
    expect(answer.headers.get("set-cookie")).toBe(DELETED);
    expect(await t.store.get(`ec:${id}`)).toBeNull();
  });

  test("whether consent allows or not: no tombstone takes the entry's place", async () => {
    const t = testService();
    const id = await newVisitor(t);
    const answer = await remove(t, { cookies: { "ts-ec": id }, client: { country: "FR" } });
    await t.settled();
    expect(answer.status).toBe(204);
    expect(answer.headers.getSetCookie()).toEqual([DELETED]);
    expect(await t.store.get(`ec:${id}`)).toBeNull();
  });

  test("a tombstone may be deleted, too", async () => {
    const t = testService();
    const id = await newVisitor(t);
    await t.services.graph.tombstone(id, () => true);
    expect((await remove(t, { cookies: { "ts-ec": id } })).status).toBe(204);
    expect(await t.entry(id)).toBeNull();
  });

  test("only what the cookie proves: not the header's id", async () => {
    const t = testService();
    const [own, other] = [await newVisitor(t), await newVisitor(t)];
    const headers = { "x-ts-ec": other };
    expect((await remove(t, { headers })).status).toBe(401);
    const answer = await remove(t, { headers, cookies: { "ts-ec": own } });
    expect(answer.headers.getSetCookie()).toEqual([DELETED]);
    expect(await t.entry(own)).toBeNull();
    expect(await t.entry(other)).not.toBeNull();
  });

  test("a cookie that holds no id goes; without a cookie nothing does", async () => {
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

  test("503 while the store is down or hangs: the cookie stays as the proof for another try", async () => {
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
