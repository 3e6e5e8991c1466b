// Safe first, section 4: tables and queues that anyone can fill.
import { createHash } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import { createPullSync } from "../../../../runtime/ec/partners/pull-sync.ts";
import { consentSignals } from "../../../../runtime/ec/request/signals.ts";
import { localLimiter } from "../../../../runtime/limiters/local.ts";
import { createLog } from "../../../../runtime/observe/log.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { createHotPath } from "../../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../../wasm/inline.ts";
import { parseConfig } from "../../../../worker/ec/config.ts";
import { tableSizes } from "../../../../worker/ec/table-needs.ts";
import { makeTables, sizesFor } from "../../../../worker/hosts/table-sizes.ts";
import { amount } from "../../../support/amount.ts";
import { type ManualClock, manualClock } from "../../../support/manual-clock.ts";
import { type TestService, testService } from "../../../support/service.ts";

const NO_SIGNALS = { tcf: null, gpp: null, gppSid: null, usPrivacy: null, gpc: false };

const HOUR_MS = 3_600_000;
/** Less than the year for which the graph keeps an entry. */
const AHEAD_MS = 350 * 24 * HOUR_MS;
const KEY = "the-partner's-key";
const partner = {
  id: "partner",
  apiKeyHash: createHash("sha256").update(KEY).digest("hex"),
  allowedReturnDomains: ["sync.partner.example"],
};
const puller = (id: string) => ({
  id,
  pullSyncEnabled: true,
  pullSyncUrl: `https://${id}.example/pull`,
  pullSyncAllowedDomains: [`${id}.example`],
  pullToken: "token",
  maxPerMinute: 1_000_000,
});
const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };
const kernels = inlineKernels();
/** A limiter of tables as a process has them. */
const tablesOf = (visitors: number) => (clock: ManualClock) =>
  localLimiter(
    makeTables(sizesFor(visitors), (maxKeys) => createHotPath(kernels, { maxKeys, random })),
    clock,
  );

const pixel = (uid = "u") =>
  `/sync?${new URLSearchParams({ partner: "partner", uid, return: "https://sync.partner.example/" })}`;
const forgedId = (n: number) => `${createHash("sha256").update(String(n)).digest("hex")}.abc123`;
const upload = (t: TestService, ids: string[]) =>
  t.ask("/_ts/api/v1/sync", {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ mappings: ids.map((ec_id) => ({ ec_id, partner_uid: "u", timestamp: 1 })) }),
  });
const tableOf = (t: TestService, name: string) => t.services.tables().find(({ table }) => table === name)!;

describe("one client without a credential sends forged ids to /sync", () => {
  test("none of them takes a lasting window, and partners and visitors are served", async () => {
    const t = testService({ config: { partners: [partner] }, maxKeys: 1000, limiter: tablesOf(1000) });
    const innocent = (await t.ask("/", { client: { ip: "198.51.100.7" } })).headers.get("x-ts-ec")!;
    await t.settled();
    const reads = () => t.store.asked.filter(({ operation }) => operation === "get").length;
    const before = reads();
    const forged = amount(20_000, 4_000);
    let failed = 0;
    for (let n = 0; n < forged; n++) {
      const cookies = { "ts-ec": forgedId(n) };
      const answer = await t.ask(pixel(), { cookies, client: { ip: "192.0.2.66" } });
      if (answer.headers.get("location")!.includes("ts_reason=write_failed")) failed++;
      if ((n + 1) % (forged / 4) !== 0) continue;
      expect((await upload(t, [innocent])).status).toBe(200);
      const visit = { cookies: { "ts-ec": innocent }, client: { ip: "198.51.100.7" } };
      expect((await t.ask(pixel(), visit)).headers.get("location")).toContain("ts_synced=1");
    }
    await t.settled();
    expect(failed).toBe(forged);
    expect(tableOf(t, "visitors")).toMatchObject({ keys: 1, refusedFull: 0 });
    expect(tableOf(t, "partners")).toMatchObject({ keys: 1, refusedFull: 0 });
    // 250 look-ups by pixels and as many by visits, beside those of the innocent.
    expect(reads() - before).toBeLessThan(600);
  });

  test("the same in a table that the limiter shares with everything else", async () => {
    const t = testService({ config: { partners: [partner] }, maxKeys: 1000 });
    const innocent = (await t.ask("/", { client: { ip: "198.51.100.7" } })).headers.get("x-ts-ec")!;
    for (let n = 0; n < 3000; n++) {
      await t.ask(pixel(), { cookies: { "ts-ec": forgedId(n) }, client: { ip: "192.0.2.66" } });
    }
    expect((await upload(t, [innocent])).status).toBe(200);
    expect((await t.ask(pixel(), { cookies: { "ts-ec": innocent } })).status).toBe(302);
    expect(t.services.hotPath.stats().refusedFull).toBe(0);
  });

  test("known ids sent from another address keep their windows", async () => {
    const t = testService({ config: { partners: [{ ...partner, syncRateLimit: 2 }] } });
    const id = (await t.ask("/")).headers.get("x-ts-ec")!;
    const elsewhere = { cookies: { "ts-ec": id }, client: { ip: "192.0.2.9" } };
    expect((await t.ask(pixel(), elsewhere)).headers.get("location")).toContain("ts_synced=1");
    expect((await t.ask(pixel(), elsewhere)).status).toBe(302);
    expect((await t.ask(pixel(), elsewhere)).status).toBe(429);
  });

  test("collected ids of more visitors than the table holds block no other visitor", async () => {
    const t = testService({ config: { partners: [partner] }, limiter: tablesOf(1000) });
    const ids = Array.from({ length: 3000 }, (_, n) => forgedId(n));
    for (const id of ids) {
      await t.services.graph.upsertPartnerIds(id, [{ partner: "other", uid: "u", synced: 1 }]);
    }
    for (const id of ids) {
      await t.ask(pixel(), { cookies: { "ts-ec": id }, client: { ip: "192.0.2.66" } });
    }
    expect(tableOf(t, "visitors")).toMatchObject({ keys: 1000, refusedFull: 2000 });
    const innocent = (await t.ask("/")).headers.get("x-ts-ec")!;
    expect((await t.ask(pixel(), { cookies: { "ts-ec": innocent } })).headers.get("location")).toContain(
      "ts_synced=1",
    );
    expect((await upload(t, [innocent])).status).toBe(200);
  });
});

test("a full table is logged once a minute, and shown in metrics and by tables()", async () => {
  const t = testService({ config: { partners: [partner] }, maxKeys: 40, limiter: tablesOf(1000) });
  for (let n = 0; n < 60; n++) await t.ask("/", { client: { ip: `192.0.2.${n}` } });
  const lines = () =>
    t.log.map((line) => JSON.parse(line)).filter(({ message }) => /table is full/.test(message));
  expect(lines()).toEqual([expect.objectContaining({ level: "warn", table: "seen" })]);
  expect(tableOf(t, "seen")).toMatchObject({ maxKeys: 40 });
  expect(t.services.fullTables()).toEqual(["seen"]);
  expect(t.services.metrics.text()).toMatch(/millrace_window_table_full_total\{table="seen"\} [1-9]/);
  t.clock.advance(60_000);
  expect(t.services.fullTables()).toEqual([]);
  expect(lines()).toEqual([expect.anything(), expect.objectContaining({ repeats: expect.any(Number) })]);
  const metrics = await (
    await t.ask("/_ts/metrics", { headers: { authorization: "Bearer an-admin-token-for-tests" } })
  ).text();
  for (const table of ["seen", "partners", "visitors", "addresses"]) {
    expect(metrics).toMatch(new RegExp(`^millrace_window_keys\\{table="${table}"\\} \\d+$`, "m"));
  }
});

describe("honest traffic", () => {
  test("of many new visitors an hour gets every pull of ten partners, with one key for each address", async () => {
    const clock = manualClock();
    const ten = Array.from({ length: 10 }, (_, i) => puller(`puller-${i}`));
    const config = parseConfig({
      publisher: { domain: "a.example" },
      passphrases: ["a-long-passphrase"],
      partners: ten,
    });
    const make = (maxKeys: number) => createHotPath(kernels, { maxKeys, random });
    const limiter = localLimiter(makeTables(tableSizes(config), make), clock);
    const hotPath = make(1_000_000);
    const partners = config.partners.map((given) => ({ ...given, apiKeyHash: null }));
    const pullSync = createPullSync({
      graph: { get: async () => null, getOrMark: async () => null } as never,
      registry: {
        isKnown: () => true,
        ready: async () => true,
        get: (id: string) => partners.find((one) => one.id === id),
        pulling: () => partners,
      } as never,
      mayShare: () => true,
      limiter,
      hotPath,
      clock,
      time: clock.now,
      maxRuns: 1000,
      random,
      fetch: () => Promise.reject(new Error("nobody is asked")),
      allowInsecure: false,
      metrics: createMetrics(),
      tracer: { begin: () => null },
      log: createLog({ level: "silent", write() {}, clock }),
    });
    let [begun, pulls] = [0, 0];
    const visitors = amount(200_000, 20_000);
    for (let n = 0; n < visitors; n++) {
      if (n % 1000 === 0) clock.advance((HOUR_MS * 1000) / visitors);
      const id = `${n.toString(16).padStart(64, "0")}.abc123`;
      const visit = {
        consent: {
          allowed: true,
          reason: "non_regulated",
          jurisdiction: "non-regulated",
          signals: consentSignals(NO_SIGNALS),
        },
        activeId: id,
        client: { ip: "192.0.2.1", country: "JP", region: null },
        ecGenerated: true,
      };
      if (await pullSync.begin(visit as never)) begun++;
      pulls += (await pullSync.context.neededItems(id)).length;
      pullSync.end(id);
    }
    expect(begun).toBe(visitors);
    expect(pulls).toBe(10 * visitors);
    expect(pullSync.size()).toBe(0);
    expect(limiter.tables!()[1]).toMatchObject({ keys: visitors, refusedFull: 0 });
  }, 110_000);

  test("behind one address is pulled for as often as each partner's limit allows", async () => {
    const partners = [
      { ...puller("three"), pullSyncRateLimit: 3 },
      { ...puller("five"), pullSyncRateLimit: 5 },
    ];
    const t = testService({
      config: { partners },
      fetch: async () => new Response('{"uid":"u"}'),
      limiter: tablesOf(1000),
    });
    for (let n = 0; n < 8; n++) {
      await t.ask("/");
      await t.settled();
    }
    const asked = (id: string) =>
      t.calls.filter(({ url }) => url.startsWith(`https://${id}.example/`)).length;
    expect([asked("three"), asked("five")]).toEqual([3, 5]);
  });
});

test("pull sync forgets at once what the sync engine refuses", async () => {
  const t = testService({
    config: {
      partners: [{ ...puller("slow"), maxConcurrent: 1, maxPerMinute: 1 }],
      sync: { maxQueued: 100 },
    },
    fetch: () => new Promise(() => {}),
    limiter: tablesOf(10_000),
  });
  for (let n = 0; n < 5000; n++) {
    await t.ask("/", { client: { ip: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` } });
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await vi.waitFor(() => expect(t.services.inspectSync().queued).toBe(100));
  await vi.waitFor(() => {
    // Those in the queue, and the one that is being asked for.
    expect(t.services.pullsRemembered()).toBeLessThanOrEqual(101);
  });
  expect(t.services.metrics.text()).toMatch(/millrace_sync_refused_total\{reason="full"\} 4[89]\d\d/);
});

describe("minting", () => {
  test("is limited for each address and hour, and every page is served", async () => {
    const t = testService({
      config: { passphrases: ["publisher-chosen-secret"], mintPerAddressPerHour: 30 },
    });
    const visit = async (ip: string) => {
      const answer = await t.ask("/", { client: { ip } });
      expect([answer.status, await answer.text()]).toEqual([200, "the page"]);
      return answer.headers.getSetCookie().length;
    };
    let minted = 0;
    for (let n = 0; n < 200; n++) minted += await visit("192.0.2.1");
    expect(minted).toBe(30);
    expect(await t.store.list("ec:", { limit: 1000 })).toMatchObject({ entries: { length: 30 } });
    expect(await visit("192.0.2.2")).toBe(1);
    expect(t.services.metrics.text()).toContain("millrace_ec_mint_refused_total 170");
    const warnings = t.log.map((line) => JSON.parse(line)).filter(({ level }) => level === "warn");
    expect(warnings).toEqual([expect.objectContaining({ mintPerAddressPerHour: 30 })]);
    expect(JSON.stringify(warnings)).not.toContain("192.0.2.1");
    t.clock.advance(HOUR_MS);
    expect(await visit("192.0.2.1")).toBe(1);
  });

  test("for always new addresses fills no table", async () => {
    const t = testService({ maxKeys: 50_000, limiter: tablesOf(1000) });
    for (let n = 0; n < 20_000; n++) {
      const answer = await t.ask("/", {
        client: { ip: `2001:db8:${(n >> 8).toString(16)}:${(n & 255).toString(16)}::1` },
      });
      if (answer.headers.getSetCookie().length !== 1) throw new Error(`visitor ${n} has no id`);
    }
    expect(tableOf(t, "addresses")).toMatchObject({ refusedFull: 0 });
    expect(tableOf(t, "addresses").keys).toBeLessThan(8192);
    expect(tableOf(t, "visitors").keys).toBe(0);
  });

  test("waits for a remote limiter, and goes on without one that does not answer", async () => {
    let answer: () => Promise<{ admitted: boolean; remaining: number; retryAfterMs: number }>;
    const t = testService({ limiter: () => ({ take: () => answer() }) });
    answer = async () => ({ admitted: true, remaining: 1, retryAfterMs: 0 });
    expect((await t.ask("/")).headers.getSetCookie()).toHaveLength(1);
    answer = async () => ({ admitted: false, remaining: 0, retryAfterMs: 5 });
    expect((await t.ask("/")).headers.getSetCookie()).toEqual([]);
    answer = () => Promise.reject(new Error("the limiter is down"));
    expect((await t.ask("/")).headers.getSetCookie()).toHaveLength(1);
    answer = () => new Promise(() => {});
    const late = t.ask("/");
    await t.clock.settle(250);
    expect((await late).headers.getSetCookie()).toHaveLength(1);
  });
});

describe("a clock that is a year ahead for a moment", () => {
  test("blocks no visitor for longer than a window", async () => {
    const t = testService({
      config: { partners: [{ ...partner, syncRateLimit: 2, batchRateLimit: 2 }, puller("puller")] },
      fetch: async () => new Response('{"uid":"u"}'),
      limiter: tablesOf(1000),
    });
    const id = (await t.ask("/")).headers.get("x-ts-ec")!;
    const visit = { cookies: { "ts-ec": id } };
    const uploads = async () => [(await upload(t, [id])).status, (await upload(t, [id])).status];
    const pixels = async () => [(await t.ask(pixel(), visit)).status, (await t.ask(pixel(), visit)).status];
    await t.settled();
    t.clock.advance(AHEAD_MS);
    expect(await uploads()).toEqual([200, 200]);
    expect(await pixels()).toEqual([302, 302]);
    t.clock.advance(-AHEAD_MS);
    // What was used meanwhile counts as used now.
    expect(await uploads()).toEqual([429, 429]);
    expect(await pixels()).toEqual([429, 429]);
    t.clock.advance(60_000);
    expect(await uploads()).toEqual([200, 200]);
    t.clock.advance(HOUR_MS);
    expect(await pixels()).toEqual([302, 302]);
    await t.settled();
  });

  test("does not stop lastSeen and pulls", async () => {
    const t = testService({
      config: { partners: [puller("puller")] },
      fetch: async () => new Response('{"uid":"u"}'),
      limiter: tablesOf(1000),
    });
    const id = (await t.ask("/")).headers.get("x-ts-ec")!;
    await t.settled();
    t.clock.advance(AHEAD_MS);
    await t.ask("/", { cookies: { "ts-ec": id } });
    await t.settled();
    t.clock.advance(-AHEAD_MS);
    await t.ask("/", { cookies: { "ts-ec": id } });
    await t.settled();
    const seconds = () => Math.floor(t.clock.now() / 1000);
    expect(t.calls).toHaveLength(3);
    expect((await t.entry(id))!.ids.puller!.synced).toBe(seconds());
    t.clock.advance(HOUR_MS);
    await t.ask("/", { cookies: { "ts-ec": id } });
    await t.settled();
    expect((await t.entry(id))!.lastSeen).toBe(seconds());
  });
});

describe("bodies that cost more to read than to send", () => {
  test("are refused before they are parsed", async () => {
    const t = testService({
      config: { auction: { endpoint: "https://bids.example/" }, partners: [partner] },
    });
    const parse = vi.spyOn(JSON, "parse");
    const deep = `{"id":"x","imp":${"[".repeat(65)}${"]".repeat(65)}}`;
    const many = `{"id":"x","imp":[${"1,".repeat(60_000)}1]}`;
    try {
      for (const body of [deep, many, "[[],".repeat(250_000)]) {
        expect((await t.ask("/auction", { method: "POST", body })).status).toBe(400);
        const asPartner = { method: "POST", body, headers: { authorization: `Bearer ${KEY}` } };
        expect((await t.ask("/_ts/api/v1/sync", asPartner)).status).toBe(400);
      }
      // The answers are parsed by the test's own look at them.
      expect(parse.mock.calls.filter(([text]) => String(text).length > 300)).toEqual([]);
    } finally {
      parse.mockRestore();
    }
  });

  test("are parsed one at a time: a page in between waits for one of them", async () => {
    const t = testService({
      config: { auction: { endpoint: "https://bids.example/" } },
      fetch: async () => new Response("{}"),
    });
    const body = JSON.stringify({ id: "x", imp: [], pad: "p".repeat(900_000) });
    let parsed = 0;
    const parse = vi.spyOn(JSON, "parse");
    parse.mockImplementation((text: string) => {
      if (text.length > 500_000) parsed++;
      return { id: "x", imp: [] };
    });
    try {
      const auctions = Array.from({ length: 20 }, () =>
        t.service.respond(
          new Request("https://publisher.example/auction", { method: "POST", body }),
          { ip: "192.0.2.1", country: "JP", region: null },
          { waitUntil() {} },
          () => new Response(),
        ),
      );
      const passes: number[] = [];
      let before = 0;
      while (parsed < 20) {
        await new Promise((resolve) => setImmediate(resolve));
        if (parsed > before) passes.push(parsed - before);
        before = parsed;
      }
      expect(Math.max(...passes)).toBe(1);
      await Promise.all(auctions);
    } finally {
      parse.mockRestore();
    }
  });
});
