import { describe, expect, test } from "vitest";
import type { Past } from "../../../../../worker/admin/past.ts";
import { EDGE_COOKIE, readStatus, type Status } from "../../../../../worker/ec/admin/status.ts";
import { ADMIN_TOKEN, operator, PASSPHRASE, testService } from "../../../../support/service.ts";

describe("GET /_ts/admin/status", () => {
  test("requires the operator's token, on loopback, too", async () => {
    const t = testService();
    expect((await t.ask("/_ts/admin/status")).status).toBe(401);
    const wrong = await t.ask("/_ts/admin/status", { headers: { authorization: "Bearer wrong" } });
    expect([wrong.status, await wrong.json()]).toEqual([
      401,
      { error: "unauthorized", message: "this is not the token whose hash operator.tokenHash has" },
    ]);
    const local = testService({ boundTo: "127.0.0.1" });
    expect((await local.ask("/_ts/admin/status")).status).toBe(401);
  });

  test("answers the counters without reading entries, and contains no secret", async () => {
    const key = "the-key-of-a-configured-partner";
    const pullToken = "the-token-that-we-send";
    const t = testService({
      config: {
        partners: [
          {
            id: "ssp",
            apiKey: key,
            pullSyncEnabled: true,
            pullSyncUrl: "https://ids.ssp.example/pull?secret=in-the-query",
            pullSyncAllowedDomains: ["ids.ssp.example"],
            pullToken,
          },
        ],
      },
      fetch: async () => Response.json({ uid: "u1" }),
    });
    await t.ask("/");
    await t.settled();
    t.clock.advance(5000);
    const before = t.store.asked.length;
    const answer = await t.ask("/_ts/admin/status", { headers: operator });
    const text = await answer.text();
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    // Any request may check whether partners changed; it reads nothing else.
    expect(t.store.asked.slice(before).every(({ key: asked }) => asked === "partners:version")).toBe(true);

    const status = JSON.parse(text) as Status;
    expect(status).toMatchObject({
      service: EDGE_COOKIE,
      instance: expect.stringMatching(/^[0-9a-f]{8}$/),
      publisher: "publisher.example",
      store: "memory",
      lives_between_requests: true,
      sync: { queued: 0, domains_left_out: 0 },
      windows: { max_keys: 10_000, refused: 0 },
    });
    expect(status.now_ms - status.started_ms).toBe(5000);
    const metric = (name: string) => status.metrics.find((one) => one.name === name);
    expect(metric("millrace_ec_minted_total")?.series).toEqual([{ labels: {}, value: 1, counts: [] }]);
    expect(metric("millrace_pull_sync_total")?.series).toEqual([
      { labels: { partner: "ssp", outcome: "obtained" }, value: 1, counts: [] },
    ]);
    const puts = metric("millrace_store_seconds")!.series.find(({ labels }) => labels.operation === "put")!;
    expect(puts.counts.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(puts.counts).toHaveLength(metric("millrace_store_seconds")!.bounds.length + 1);
    const { sha256Hex } = t.services;
    for (const secret of [
      key,
      sha256Hex(key),
      pullToken,
      "in-the-query",
      PASSPHRASE,
      ADMIN_TOKEN,
      sha256Hex(ADMIN_TOKEN),
    ]) {
      expect(text).not.toContain(secret);
    }
  });

  test("names the 50 busiest domains and counts the others", () => {
    const { services } = testService();
    const domains = Array.from({ length: 60 }, (_, n) => ({
      domain: `d${n}.example`,
      maxConcurrent: 5,
      maxPerMinute: 30,
      inFlight: n % 2,
      waiting: n,
      remaining: null,
      opensInMs: 0,
      failures: 0,
      rests: 0,
    }));
    const { sync } = readStatus({ ...services, inspectSync: () => ({ queued: 7, domains }) });
    expect(sync.queued).toBe(7);
    expect(sync.domains).toHaveLength(50);
    expect(sync.domains[0]).toMatchObject({
      domain: "d59.example",
      in_flight: 1,
      waiting: 59,
      max_per_minute: 30,
    });
    expect(sync.domains_left_out).toBe(10);
  });
});

describe("GET /_ts/admin/past", () => {
  const ask = async (past?: Parameters<typeof testService>[0]) => {
    const t = testService(past);
    expect((await t.ask("/_ts/admin/past")).status).toBe(401);
    const answer = await t.ask("/_ts/admin/past", { headers: operator });
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const body = (await answer.json()) as Past;
    expect(body.instance).toMatch(/^[0-9a-f]{8}$/);
    return body.samples;
  };

  test("answers what a server kept, to the operator alone", async () => {
    const samples = [{ at_ms: 1, counters: { minted: 2 }, levels: { queued: 3 }, store: { get: [4] } }];
    expect(await ask({ past: { samples } })).toEqual(samples);
  });

  test("answers nothing where nobody keeps any", async () => {
    expect(await ask()).toEqual([]);
  });
});
