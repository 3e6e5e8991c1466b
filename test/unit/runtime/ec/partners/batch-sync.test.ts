import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createGraph } from "../../../../../runtime/ec/graph/graph.ts";
import { applyMappings } from "../../../../../runtime/ec/partners/batch-sync.ts";
import { memoryStore } from "../../../../../runtime/stores/memory.ts";
import { manualClock } from "../../../../support/manual-clock.ts";
import { type TestService, testService } from "../../../../support/service.ts";
import { CONFIGURED, KEY, newVisitor, PARTNER, pieces, register, upload } from "./support.ts";

const setUp = (fields: object = {}) => testService({ config: { partners: [{ ...CONFIGURED, ...fields }] } });
const nowSeconds = (t: TestService) => Math.floor(t.clock.now() / 1000);

/** Ids with live entries. */
async function known(t: TestService, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => t.mint());
  for (const id of ids) await t.services.graph.upsertPartnerId(id, "first", "x", 1);
  return ids;
}

describe("an upload", () => {
  test("200 if all are accepted; only the partner's own namespace is written", async () => {
    const t = setUp();
    const [a, b] = await known(t, 2);
    const answer = await upload(t, [
      { ec_id: a, partner_uid: "u-a", timestamp: nowSeconds(t), partner: "first" },
      { ec_id: b, partner_uid: "u-b", timestamp: nowSeconds(t) - 5 },
    ]);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ accepted: 2, rejected: 0, errors: [] });
    expect((await t.entry(a!))?.ids).toEqual({
      first: { uid: "x", synced: 1 },
      ssp_x: { uid: "u-a", synced: nowSeconds(t) },
    });
  });

  test("207 with the index and the reason of each refusal", async () => {
    const t = setUp();
    const [live, gone] = await known(t, 2);
    await t.services.graph.tombstone(gone!, () => true);
    const now = nowSeconds(t);
    const at = (ec_id: unknown, partner_uid: unknown = "u", timestamp: unknown = now) => ({
      ec_id,
      partner_uid,
      timestamp,
    });
    const cases: [unknown, string | null][] = [
      [at(live), null],
      [at(`${live}x`), "invalid_ec_id"],
      [at(live!.toUpperCase()), "invalid_ec_id"],
      [at(7), "invalid_ec_id"],
      [null, "invalid_ec_id"],
      [[], "invalid_ec_id"],
      [at(live, ""), "invalid_uid"],
      [at(live, "u".repeat(257)), "invalid_uid"],
      [at(live, "a\u0000"), "invalid_uid"],
      [at(live, "a\u007f"), "invalid_uid"],
      [at(live, "\ud800"), "invalid_uid"],
      [at(live, 5), "invalid_uid"],
      [at(live, "u", now + 3600), null],
      [at(live, "u", now + 3601), "invalid_timestamp"],
      [at(live, "u", now * 1000), "invalid_timestamp"],
      [at(live, "u", -1), "invalid_timestamp"],
      [at(live, "u", 1.5), "invalid_timestamp"],
      [at(live, "u", String(now)), "invalid_timestamp"],
      [{ ec_id: live, partner_uid: "u" }, "invalid_timestamp"],
      [at(t.mint()), "ec_id_not_found"],
      [at(gone), "consent_withdrawn"],
    ];
    const answer = await upload(
      t,
      cases.map(([mapping]) => mapping),
    );
    expect(answer.status).toBe(207);
    const errors = cases.flatMap(([, reason], index) => (reason === null ? [] : [{ index, reason }]));
    expect(await answer.json()).toEqual({ accepted: 2, rejected: cases.length - 2, errors });
    expect((await t.entry(gone!))?.ids).toEqual({});
  });

  test("207 if all are refused, 200 for an empty upload", async () => {
    const t = setUp();
    const answer = await upload(t, [{ ec_id: t.mint(), partner_uid: "u", timestamp: 1 }]);
    expect(answer.status).toBe(207);
    expect(await answer.json()).toEqual({
      accepted: 0,
      rejected: 1,
      errors: [{ index: 0, reason: "ec_id_not_found" }],
    });
    expect((await upload(t, [])).status).toBe(200);
  });

  test("a mapping that is not newer than the stored one is accepted and not written", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    await upload(t, [{ ec_id: id, partner_uid: "new", timestamp: 1000 }]);
    t.store.asked.length = 0;
    for (const timestamp of [1000, 999]) {
      const answer = await upload(t, [{ ec_id: id, partner_uid: "old", timestamp }]);
      expect(await answer.json()).toEqual({ accepted: 1, rejected: 0, errors: [] });
    }
    expect(t.store.asked.filter(({ operation }) => operation === "put")).toEqual([]);
    expect((await t.entry(id))?.ids).toEqual({ ssp_x: { uid: "new", synced: 1000 } });
  });

  test("mappings of one id are one write, and the newest one stays in any order", async () => {
    const t = setUp();
    const id = await newVisitor(t);
    t.store.asked.length = 0;
    const timestamps = [5, 9, 7, 9, 1];
    const answer = await upload(
      t,
      timestamps.map((timestamp, index) => ({ ec_id: id, partner_uid: `u${index}`, timestamp })),
    );
    expect(await answer.json()).toEqual({ accepted: 5, rejected: 0, errors: [] });
    expect(t.store.asked.filter(({ key }) => key === `ec:${id}`)).toEqual([
      { operation: "get", key: `ec:${id}` },
      { operation: "put", key: `ec:${id}` },
    ]);
    expect((await t.entry(id))?.ids).toEqual({ ssp_x: { uid: "u1", synced: 9 } });
  });

  test("creates no row and no version for ids that the graph does not know", async () => {
    const t = setUp();
    const ids = Array.from({ length: 1000 }, () => t.mint());
    t.store.asked.length = 0;
    const answer = await upload(
      t,
      ids.map((ec_id) => ({ ec_id, partner_uid: "u", timestamp: 1 })),
    );
    expect(await answer.json()).toMatchObject({ accepted: 0, rejected: 1000 });
    expect(t.store.asked.filter(({ operation }) => operation === "put")).toEqual([]);
  });
});

describe("authentication", () => {
  test("401 without a key, with another's, and with the hash in its place", async () => {
    const t = setUp();
    for (const key of ["", "wrong-key-wrong-key", t.services.sha256Hex(KEY), `${KEY} `.repeat(2)]) {
      const answer = await upload(t, [], key);
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ error: "unauthorized" });
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    }
    expect((await t.ask("/_ts/api/v1/sync", { method: "POST" })).status).toBe(401);
    expect((await upload(t, [], "x".repeat(4097))).status).toBe(401);
  });

  test("401 before the body is read", async () => {
    const t = setUp();
    const { body, sent } = pieces(100, 100);
    const init = { method: "POST", headers: { authorization: "Bearer nobody" }, body, duplex: "half" };
    expect((await t.ask("/_ts/api/v1/sync", init as never)).status).toBe(401);
    expect(sent()).toBe(0);
  });

  test("503 while the store is down or hangs", async () => {
    const t = setUp();
    t.store.mode = "down";
    expect((await upload(t, [])).status).toBe(503);
    t.store.mode = "hanging";
    const hanging = upload(t, []);
    await t.clock.settle(2000);
    expect((await hanging).status).toBe(503);
  });

  test("503 for a registered partner whose record cannot be read again", async () => {
    const t = testService();
    await register(t, PARTNER);
    t.store.mode = "down";
    const answer = await upload(t, []);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: "store_unavailable" });
  });
});

describe("limits", () => {
  test("429 with Retry-After past batchRateLimit a minute, before the body is read", async () => {
    const t = setUp({ batchRateLimit: 2 });
    expect((await upload(t, [])).status).toBe(200);
    t.clock.advance(10_500);
    expect((await upload(t, "nonsense")).status).toBe(400);
    const { body, sent } = pieces(100, 100);
    const init = { method: "POST", headers: { authorization: `Bearer ${KEY}` }, body, duplex: "half" };
    const refused = await t.ask("/_ts/api/v1/sync", init as never);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ error: "rate_limit_exceeded" });
    expect(refused.headers.get("retry-after")).toBe("50");
    expect(sent()).toBe(0);
    t.clock.advance(49_500);
    expect((await upload(t, [])).status).toBe(200);
  });

  test("413 past 1 MiB, with and without Content-Length", async () => {
    const t = setUp();
    const headers = { authorization: `Bearer ${KEY}` };
    const unread = pieces(1, 10);
    const told = { ...headers, "content-length": "1048577" };
    const init = { method: "POST", headers: told, body: unread.body, duplex: "half" };
    expect((await t.ask("/_ts/api/v1/sync", init as never)).status).toBe(413);
    expect(unread.sent()).toBe(0);
    const { body, sent } = pieces(10_000, 65_536);
    const endless = { method: "POST", headers, body, duplex: "half" };
    expect((await t.ask("/_ts/api/v1/sync", endless as never)).status).toBe(413);
    expect(sent()).toBe(17);
    const exact = JSON.stringify({ mappings: [] }).padEnd(1_048_576);
    expect((await t.ask("/_ts/api/v1/sync", { method: "POST", headers, body: exact })).status).toBe(200);
  });

  // Safe first, section 7: compression.
  test("accepts gzip, and answers 415 for other encodings", async () => {
    const t = setUp();
    const [id] = await known(t, 1);
    const mappings = [{ ec_id: id, partner_uid: "u", timestamp: nowSeconds(t) }];
    const send = (coding: string) =>
      t.ask("/_ts/api/v1/sync", {
        method: "POST",
        headers: { authorization: `Bearer ${KEY}`, "content-encoding": coding },
        body: gzipSync(JSON.stringify({ mappings })),
      });
    expect(await (await send("gzip")).json()).toEqual({ accepted: 1, rejected: 0, errors: [] });
    const refused = await send("zstd");
    expect([refused.status, await refused.json()]).toMatchObject([415, { error: "unsupported_encoding" }]);
  });

  test("400 for malformed bodies and for over 1000 mappings", async () => {
    const t = setUp();
    const headers = { authorization: `Bearer ${KEY}` };
    const deep = "[".repeat(200_000);
    const latin1 = new Uint8Array([0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]);
    for (const body of ["", "{", "[]", "null", "{}", '{"mappings":{}}', '{"mappings":null}', deep, latin1]) {
      const answer = await t.ask("/_ts/api/v1/sync", { method: "POST", headers, body });
      expect(answer.status).toBe(400);
      expect(Object.keys((await answer.json()) as object)).toEqual(["error", "message"]);
    }
    const bad = { ec_id: "x" };
    expect((await upload(t, new Array(1000).fill(bad))).status).toBe(207);
    expect((await upload(t, new Array(1001).fill(bad))).status).toBe(400);
  });
});

describe("a store that fails part-way", () => {
  test("the rest is kv_unavailable, accepted mappings stay, and nothing more is written", async () => {
    const t = setUp();
    const ids = await known(t, 1000);
    t.store.asked.length = 0;
    let puts = 0;
    t.store.before = (operation) => {
      if (operation === "put" && ++puts > 300) t.store.mode = "down";
    };
    const answer = await upload(
      t,
      ids.map((ec_id) => ({ ec_id, partner_uid: "u", timestamp: 7 })),
    );
    expect(answer.status).toBe(207);
    const errors = ids.slice(300).map((_, index) => ({ index: index + 300, reason: "kv_unavailable" }));
    expect(await answer.json()).toEqual({ accepted: 300, rejected: 700, errors });
    // The second half of the 1000 was not even tried.
    expect(t.store.asked.filter(({ key }) => key.startsWith("ec:")).length).toBeLessThanOrEqual(1000);
    t.store.mode = "sound";
    t.store.before = () => {};
    const stored = await Promise.all(ids.map((id) => t.entry(id)));
    expect(stored.map((entry) => entry?.ids.ssp_x?.uid === "u")).toEqual(ids.map((_, index) => index < 300));
    expect(t.log.filter((line) => line.includes("could not be written whole"))).toHaveLength(1);
  });

  test("a race lost nine times concerns only its own id", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const contended = "b".repeat(64);
    const graph = createGraph(
      {
        ...store,
        put: (key, value, options) =>
          key.includes(contended) ? Promise.resolve({ ok: false }) : store.put(key, value, options),
      },
      clock,
      { fill: (target) => target.fill(1) },
    );
    const sound = createGraph(store, clock, { fill: (target) => target.fill(1) });
    // More than are written at once: those that come later must still be tried.
    const ids = Array.from(
      { length: 600 },
      (_, index) => `${"a".repeat(64)}.${String(index).padStart(6, "0")}`,
    );
    ids[1] = `${contended}.AAAAAA`;
    for (const id of ids) await sound.upsertPartnerId(id, "first", "x", 1);
    const failures: unknown[] = [];
    const answer = applyMappings(
      ids.map((ec_id) => ({ ec_id, partner_uid: "u", timestamp: 7 })),
      { id: "ssp_x" },
      { graph, isValidId: () => true, nowSeconds: 10, onFailure: (error) => failures.push(error) },
    );
    await clock.settle(60_000);
    expect(await answer).toEqual({
      accepted: 599,
      rejected: 1,
      errors: [{ index: 1, reason: "kv_unavailable" }],
    });
    expect(failures).toHaveLength(1);
  });
});
