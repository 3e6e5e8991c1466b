import { describe, expect, test } from "vitest";
import { manualClock } from "../../../../support/manual-clock.ts";
import { type TestService, testService } from "../../../../support/service.ts";

const TTL = 86_400;

/** A partner of the configuration whose ids are pulled. */
function puller(id: string, fields: object = {}) {
  return {
    id,
    pullSyncEnabled: true,
    pullSyncUrl: `https://${id}.example/pull?v=1`,
    pullSyncAllowedDomains: [`${id}.example`],
    pullToken: `token-of-${id}`,
    ...fields,
  };
}

const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });

/** A first visit; the minted id. Everything that follows it in the background is over. */
async function visit(service: TestService, cookie?: string): Promise<string> {
  const response = await service.ask("/", cookie === undefined ? {} : { cookies: { "ts-ec": cookie } });
  await service.settled();
  return cookie ?? response.headers.get("x-ts-ec")!;
}

test.each([
  "uid-of-the-visitor-4711",
  '{"uid":"uid-of-the-visitor-4711"',
  '["uid-of-the-visitor-4711"]',
  '{"uid":"uid-of-the-visitor-4711\\u0000"}',
])("no part of the answer %s is logged", async (body) => {
  const t = testService({ config: { partners: [puller("one")] }, fetch: async () => new Response(body) });
  await visit(t);
  await t.clock.settle(120_000);
  await t.settled();
  expect(t.log.filter((line) => line.includes('"level":"warn"'))).not.toEqual([]);
  for (const piece of ["uid-of", "4711", "visitor-4", "uid-o"]) expect(t.log.join("\n")).not.toContain(piece);
});

describe("an organic visit", () => {
  test.each(["01", "00"])(
    "gives its ids to each pull, with a parent-id of its own and flag %s",
    async (flag) => {
      const service = testService({
        config: { partners: [puller("one"), puller("two")] },
        fetch: async () => json({ uid: null }),
      });
      const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
      const traceparent = `00-${trace}-00f067aa0ba902b7-${flag}`;
      await service.ask("/", { headers: { "x-request-id": "request-1", traceparent, tracestate: "a=b" } });
      await service.settled();
      const sent = service.calls.map(({ init }) => new Headers(init.headers));
      expect(sent.map((headers) => headers.get("x-request-id"))).toEqual(["request-1", "request-1"]);
      const parents = sent.map((headers) => headers.get("traceparent"));
      for (const parent of parents) expect(parent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-${flag}$`));
      expect(new Set([traceparent, ...parents]).size).toBe(3);
      expect(sent.map((headers) => headers.get("tracestate"))).toEqual([null, null]);
    },
  );

  test("without ids gives none to its pulls", async () => {
    const service = testService({
      config: { partners: [puller("one")] },
      fetch: async () => json({ uid: null }),
    });
    await visit(service);
    const headers = new Headers(service.calls[0]!.init.headers);
    expect([headers.get("x-request-id"), headers.get("traceparent")]).toEqual([null, null]);
  });

  test("asks each partner once, with its token, and stores its answer", async () => {
    const service = testService({
      config: { partners: [puller("one"), puller("two")] },
      fetch: async (url) => json({ uid: `from-${new URL(url).hostname}` }),
    });
    const id = await visit(service);
    expect((await service.entry(id))?.ids).toMatchObject({
      one: { uid: "from-one.example" },
      two: { uid: "from-two.example" },
    });
    expect(service.calls).toHaveLength(2);
    const call = service.calls.find(({ url }) => url.startsWith("https://one.example/pull?v=1&ec_id="))!;
    expect(new Headers(call.init.headers).get("authorization")).toBe("Bearer token-of-one");
    expect(call.init.redirect).toBe("manual");
    await visit(service, id);
    expect(service.calls).toHaveLength(2);
    service.clock.advance(TTL * 1000);
    await visit(service, id);
    expect(service.calls).toHaveLength(4);
  });

  test("asks no partner without consent, without an address, or on the service's own routes", async () => {
    const service = testService({
      config: { partners: [puller("one")] },
      fetch: async () => json({ uid: "u" }),
    });
    const id = service.mint();
    await service.ask("/", { client: { country: "FR" }, cookies: { "ts-ec": id } });
    await service.ask("/", { client: { ip: null }, cookies: { "ts-ec": id } });
    await service.ask("/identify", { cookies: { "ts-ec": id } });
    await service.settled();
    expect(service.calls).toEqual([]);
  });

  test("asks no partner for an id that was not minted for the client's address", async () => {
    const service = testService({
      config: { partners: [puller("one")] },
      fetch: async () => json({ uid: "u" }),
    });
    await visit(service, service.mint("198.51.100.7"));
    expect(service.calls).toEqual([]);
    await visit(service, service.mint());
    expect(service.calls).toHaveLength(1);
  });

  test("asks a partner without an id only as often as its limit allows", async () => {
    const service = testService({
      config: { partners: [puller("none", { pullSyncRateLimit: 10 })] },
      fetch: async () => json({ uid: null }),
    });
    const id = await visit(service);
    for (let i = 0; i < 15; i++) await visit(service, id);
    expect(service.calls).toHaveLength(10);
    service.clock.advance(3_600_000);
    await visit(service, id);
    expect(service.calls).toHaveLength(11);
  });

  test("runs at most three pulls at once, and starts the next when one ends", async () => {
    const open: ((response: Response) => void)[] = [];
    const partners = ["a", "b", "c", "d", "e"].map((id) => puller(id));
    const service = testService({
      config: { partners },
      fetch: () => new Promise((resolve) => open.push(resolve)),
    });
    const response = await service.ask("/");
    const id = response.headers.get("x-ts-ec")!;
    await service.clock.settle(0);
    expect(service.calls).toHaveLength(3);
    open[0]!(json({ uid: "first" }));
    await service.clock.settle(0);
    expect(service.calls).toHaveLength(4);
    open[1]!(json({ uid: "u" }));
    await service.clock.settle(0);
    expect(service.calls).toHaveLength(5);
    for (const resolve of open.slice(2)) resolve(json({ uid: "u" }));
    await service.settled();
    expect(Object.keys((await service.entry(id))!.ids).sort()).toEqual(["a", "b", "c", "d", "e"]);
  });

  test.each<[string, () => Promise<Response>]>([
    ["404", async () => new Response("nothing", { status: 404 })],
    ["null", async () => json({ uid: null })],
  ])("logs no warning for %s", async (_name, fetch) => {
    const service = testService({ config: { partners: [puller("one")] }, fetch });
    const id = await visit(service);
    expect((await service.entry(id))?.ids).toEqual({});
    expect(service.log.filter((line) => line.includes('"level":"warn"'))).toEqual([]);
  });

  test.each<[string, () => Promise<Response>]>([
    ["500", async () => new Response("no", { status: 500 })],
    ["429", async () => new Response("no", { status: 429 })],
    [
      "a redirect",
      async () => new Response(null, { status: 302, headers: { location: "http://10.0.0.1/" } }),
    ],
    ["invalid JSON", async () => new Response("{")],
    ["an empty uid", async () => json({ uid: "" })],
    ["a body that is too long", async () => new Response("x".repeat(70_000))],
    ["a closed connection", async () => Promise.reject(new Error("connection closed"))],
  ])("warns once of %s and does not ask again in this run", async (_name, fetch) => {
    const service = testService({ config: { partners: [puller("one")] }, fetch });
    const id = await visit(service);
    await service.clock.settle(60_000);
    expect(service.calls).toHaveLength(1);
    expect((await service.entry(id))?.ids).toEqual({});
    const warnings = service.log.filter((line) => line.includes('"level":"warn"'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).not.toContain(id);
    expect(warnings[0]).not.toContain("token-of");
  });

  test("aborts a hanging pull after five seconds", async () => {
    let signal: AbortSignal | null | undefined;
    const service = testService({
      config: { partners: [puller("one")] },
      fetch: (_url, init) => {
        signal = init?.signal;
        return new Promise(() => {});
      },
    });
    await service.ask("/");
    await service.clock.settle(4999);
    expect(signal?.aborted).toBe(false);
    await service.clock.settle(1);
    await service.settled();
    expect(signal?.aborted).toBe(true);
  });

  test("drops an answer that comes after the withdrawal", async () => {
    let answer: (response: Response) => void = () => {};
    const service = testService({
      config: { partners: [puller("one")] },
      fetch: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const id = (await service.ask("/")).headers.get("x-ts-ec")!;
    await service.clock.settle(0);
    expect(service.calls).toHaveLength(1);
    await service.ask("/", { client: { country: "FR" }, cookies: { "ts-ec": id } });
    answer(json({ uid: "late" }));
    await service.settled();
    expect(await service.entry(id)).toMatchObject({ consent: { ok: false }, ids: {} });
  });
});

describe("a throttled domain", () => {
  test("is asked for the remaining ids when its window opens", async () => {
    const clock = manualClock();
    const service = testService({
      clock,
      config: { partners: [puller("one", { maxPerMinute: 2 })] },
      fetch: async () => json({ uid: "u" }),
    });
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) ids.push(await visit(service));
    expect(service.calls).toHaveLength(2);
    await clock.settle(59_000);
    expect(service.calls).toHaveLength(2);
    await clock.settle(3000);
    expect(service.calls).toHaveLength(4);
    for (const id of ids) expect((await service.entry(id))?.ids).toMatchObject({ one: { uid: "u" } });
  });

  test("is not asked for an identity that was deleted meanwhile", async () => {
    const clock = manualClock();
    const service = testService({
      clock,
      config: { partners: [puller("one", { maxPerMinute: 1 })] },
      fetch: async () => json({ uid: "u" }),
    });
    await visit(service);
    const id = await visit(service);
    const gone = await service.ask("/_ts/api/v1/identity", { method: "DELETE", cookies: { "ts-ec": id } });
    expect(gone.status).toBeLessThan(300);
    await clock.settle(120_000);
    expect(service.calls).toHaveLength(1);
    expect(await service.entry(id)).toBeNull();
  });
});

test("on a host that ends work soon after the response, pulls start in time; the others wait for the next request", async () => {
  const names = Array.from({ length: 30 }, (_, n) => `hanging${n}`);
  const service = testService({
    livesBetweenRequests: false,
    config: { partners: names.map((id) => puller(id)) },
    fetch: () => new Promise(() => {}),
  });
  let isOver = false;
  const id = (await service.ask("/")).headers.get("x-ts-ec")!;
  const over = service.settled().then(() => {
    isOver = true;
  });
  for (let ms = 0; ms < 25_000; ms += 100) await service.clock.settle(100);
  expect(isOver).toBe(true);
  await over;
  // Three at a time for five seconds each, started within twenty seconds.
  expect(service.calls).toHaveLength(12);
  expect(service.services.inspectSync().domains.every(({ inFlight }) => inFlight === 0)).toBe(true);

  await service.ask("/", { cookies: { "ts-ec": id } });
  const again = service.settled();
  for (let ms = 0; ms < 25_000; ms += 100) await service.clock.settle(100);
  await again;
  expect(service.calls.length).toBeGreaterThan(15);
  // The log counts each partner's failures for a minute.
  service.services.logOnce.flush();
  expect(service.clock.waiting()).toBe(0);
});

describe("forged ids", () => {
  const FORGERIES = 10_000;
  const forged = (i: number) => `${i.toString(16).padStart(64, "0")}.Forged`;

  test(`${FORGERIES} forged ids leave no row and cause no call; the honest visitor after them is served`, async () => {
    const service = testService({
      config: { partners: [puller("one")] },
      fetch: async () => json({ uid: "u" }),
    });
    for (let i = 0; i < FORGERIES; i++) {
      const response = await service.ask("/", { cookies: { "ts-ec": forged(i) } });
      expect(response.headers.getSetCookie()).toEqual([]);
    }
    await service.settled();
    expect(service.calls).toEqual([]);
    expect((await service.store.list("ec:")).entries).toEqual([]);

    const lost = service.mint("198.51.100.9");
    await service.ask("/", { client: { ip: "198.51.100.9" }, cookies: { "ts-ec": lost } });
    await service.settled();
    expect((await service.entry(lost))?.ids).toMatchObject({ one: { uid: "u" } });
    expect((await service.store.list("ec:")).entries).toHaveLength(1);
  });
});

test("of ten thousand partners only the ten that pull cost an organic request store operations", async () => {
  const pulling = Array.from({ length: 10 }, (_, i) => puller(`puller-${i}`));
  const idle = Array.from({ length: 9990 }, (_, i) => ({ id: `idle-${i}` }));
  const work = async (partners: { id: string }[]) => {
    const service = testService({ config: { partners }, fetch: async () => json({ uid: "u" }) });
    const id = await visit(service);
    service.store.asked.length = 0;
    for (let i = 0; i < 5; i++) await visit(service, id);
    return {
      operations: [...service.store.asked].map(({ operation }) => operation),
      calls: service.calls.length,
    };
  };
  const few = await work(pulling);
  expect(few.calls).toBe(10);
  expect(await work([...pulling, ...idle])).toEqual(few);
});
