import { describe, expect, test } from "vitest";
import { memoryStore } from "../../../../../runtime/stores/memory.ts";
import { manualClock } from "../../../../support/manual-clock.ts";
import { testService } from "../../../../support/service.ts";
import { CONFIGURED, KEY, operator, PARTNER, pieces, register, upload } from "./support.ts";

const PULLING = {
  pull_sync_enabled: true,
  pull_sync_url: "https://pull.ssp.example/id",
  pull_sync_allowed_domains: ["pull.ssp.example"],
  pull_token: "a-secret-pull-token",
};

/** Two services on one store. */
function twoInstances() {
  const clock = manualClock();
  const shared = memoryStore({ clock });
  return { clock, a: testService({ clock, store: shared }), b: testService({ clock, store: shared }) };
}

describe("registration", () => {
  test("201 with the record and its defaults, then 200; never a key, a hash or a token", async () => {
    const t = testService();
    const created = await register(t, { ...PARTNER, ...PULLING });
    const text = await created.text();
    expect(created.status).toBe(201);
    expect(created.headers.get("cache-control")).toBe("no-store");
    expect(JSON.parse(text)).toEqual({
      id: "ssp_x",
      name: "SSP X",
      allowed_return_domains: ["sync.ssp.example"],
      gvl_id: null,
      bidstream_enabled: true,
      pixel_url: null,
      pull_send_ip: true,
      source_domain: "ssp.example",
      openrtb_atype: 3,
      sync_rate_limit: 100,
      batch_rate_limit: 60,
      pull_sync_enabled: true,
      pull_sync_url: "https://pull.ssp.example/id",
      pull_sync_allowed_domains: ["pull.ssp.example"],
      pull_sync_ttl_seconds: 86_400,
      pull_sync_rate_limit: 10,
      max_concurrent: 20,
      max_per_minute: 1200,
      has_api_key: true,
      has_previous_api_key: false,
      has_pull_token: true,
      source: "registered",
    });
    const updated = await register(t, { id: "ssp_x", name: "renamed" });
    expect(updated.status).toBe(200);
    const listed = await (await t.ask("/_ts/admin/partners", { headers: operator })).text();
    const everything = [text, await updated.text(), listed, ...t.log].join("\n");
    for (const secret of [KEY, t.services.sha256Hex(KEY), PULLING.pull_token]) {
      expect(everything).not.toContain(secret);
    }
  });

  test("keeps the key's hash and the pull token in the store, and never the key", async () => {
    const t = testService();
    await register(t, { ...PARTNER, ...PULLING });
    const { value } = (await t.store.get("partner:ssp_x"))!;
    expect(value).not.toContain(KEY);
    expect(JSON.parse(value)).toMatchObject({
      v: 1,
      apiKeyHash: t.services.sha256Hex(KEY),
      pullToken: PULLING.pull_token,
    });
  });

  test("an update keeps fields that it does not have, and null removes one", async () => {
    const t = testService();
    await register(t, { ...PARTNER, ...PULLING });
    const updated = await (await register(t, { id: "ssp_x", sync_rate_limit: 7 })).json();
    expect(updated).toMatchObject({ name: "SSP X", sync_rate_limit: 7, pull_sync_enabled: true });
    expect(t.services.registry.get("ssp_x")?.pullToken).toBe(PULLING.pull_token);
    expect((await upload(t, [])).status).toBe(200);

    const cleared = await register(t, { id: "ssp_x", pull_sync_enabled: false, pull_token: null });
    expect(await cleared.json()).toMatchObject({
      has_pull_token: false,
      pull_sync_url: PULLING.pull_sync_url,
    });
    expect((await register(t, { id: "ssp_x", api_key_hash: null })).status).toBe(200);
    expect((await upload(t, [])).status).toBe(401);
  });

  test("400 names every faulty field and why, and writes nothing", async () => {
    const t = testService();
    const refused = await register(t, {
      ...PARTNER,
      apiKey: "x".repeat(20),
      sync_rate_limit: 0,
      pull_sync_enabled: true,
      allowed_return_domains: ["https://sync.ssp.example"],
    });
    expect(refused.status).toBe(400);
    const body = (await refused.json()) as { error: string; message: string; faults: { field: string }[] };
    expect(body.error).toBe("invalid_partner");
    expect(body.faults.map(({ field }) => field)).toEqual([
      "apiKey",
      "allowed_return_domains[0]",
      "sync_rate_limit",
      "pull_sync_url",
      "pull_token",
    ]);
    expect(body.message).toContain('did you mean "api_key"?');
    expect(body.message).not.toMatch(/pullSync|syncRateLimit/);
    expect(t.services.registry.get("ssp_x")).toBeUndefined();
    // A record that is sound but for a field that does not exist is refused, too.
    expect((await register(t, { ...PARTNER, colour: "red" })).status).toBe(400);
    expect(await t.store.get("partner:ssp_x")).toBeNull();
  });

  test.each<[string, object]>([
    ["an upper-case id", { id: "SSP" }],
    ["an id of 33 characters", { id: "a".repeat(33) }],
    ["no id", { id: undefined }],
    ["a short key", { api_key: "short" }],
    ["a key with a line end", { api_key: `${"k".repeat(20)}\n` }],
    ["a key and a hash", { api_key_hash: "a".repeat(64) }],
    ["the bidstream without a source", { source_domain: null }],
    ["a plain http pull URL", { ...PULLING, pull_sync_url: "http://pull.ssp.example/" }],
    ["a host that is not allowed", { ...PULLING, pull_sync_url: "https://evil.example/" }],
    ["a subdomain of an allowed host", { ...PULLING, pull_sync_url: "https://x.pull.ssp.example/" }],
    ["user and password", { ...PULLING, pull_sync_url: "https://a:b@pull.ssp.example/" }],
    ...[
      "127.0.0.1",
      "10.1.2.3",
      "169.254.169.254",
      "[::1]",
      "[fd00::1]",
      "0x7f.1",
      "2130706433",
      "localhost",
    ].map((host): [string, object] => [
      `the internal host ${host}`,
      { ...PULLING, pull_sync_url: `https://${host}/`, pull_sync_allowed_domains: [host] },
    ]),
    ["zero in flight", { max_concurrent: 0 }],
    ["a fraction", { pull_sync_ttl_seconds: 1.5 }],
  ])("refuses %s", async (_, fields) => {
    const t = testService();
    const refused = await register(t, { ...PARTNER, ...fields });
    expect(refused.status).toBe(400);
    expect(t.services.registry.all()).toEqual([]);
  });

  test.each(["ec", "eids", "ec-consent", "eids-truncated", "ts", "version", "env", "register"])(
    "refuses the reserved id %s",
    async (id) => {
      expect((await register(testService(), { ...PARTNER, id })).status).toBe(400);
    },
  );

  test("allows an allowed host in any case and with the root's dot", async () => {
    const t = testService();
    const pull = { ...PULLING, pull_sync_url: "https://PULL.ssp.example./x?y=1" };
    expect((await register(t, { ...PARTNER, ...pull })).status).toBe(201);
    const shouting = { ...PULLING, pull_sync_allowed_domains: ["Pull.SSP.example."] };
    expect((await register(t, { ...PARTNER, ...shouting })).status).toBe(200);
  });

  test("plain http and loopback only with allowInsecurePartners", async () => {
    const pull = {
      ...PULLING,
      pull_sync_url: "http://127.0.0.1:9/",
      pull_sync_allowed_domains: ["127.0.0.1"],
    };
    expect((await register(testService(), { ...PARTNER, ...pull })).status).toBe(400);
    expect(
      (await register(testService({ config: { allowInsecurePartners: true } }), { ...PARTNER, ...pull }))
        .status,
    ).toBe(201);
  });

  // Safe first, section 7: what was taken and did nothing.
  test("400 for a repeated field, and for a domain that can never match", async () => {
    const t = testService();
    const twice = '{"id": "a", "name": "x", "pull_token": "s3cr3t",\n"pull_token": "t0k3n", "name": "y"}';
    const answer = await register(t, twice);
    const body = await answer.json();
    expect([answer.status, body]).toEqual([
      400,
      {
        error: "invalid_partner",
        message: expect.stringContaining("pull_token: given twice"),
        faults: [
          { field: "pull_token", reason: "given twice; expected one value" },
          { field: "name", reason: "given twice; expected one value" },
        ],
      },
    ]);
    expect(JSON.stringify(body)).not.toMatch(/s3cr3t|t0k3n/);
    const wildcard = await register(t, { id: "a", allowed_return_domains: ["*"] });
    expect([wildcard.status, await wildcard.json()]).toMatchObject([
      400,
      { faults: [{ field: "allowed_return_domains[0]", reason: expect.stringContaining("wildcard") }] },
    ]);
    expect(t.services.registry.all()).toEqual([]);
    const deep = `{"id": "a", "name": ${"[".repeat(30_000)}${"]".repeat(30_000)}}`;
    expect((await register(t, deep)).status).toBe(400);
    const many = `{"id": "a", ${'"name": "x", '.repeat(5000)}"name": "x"}`;
    expect(((await (await register(t, many)).json()) as { faults: [] }).faults).toHaveLength(20);
  });

  test("415 for encodings other than gzip", async () => {
    const answer = await register(testService(), "?", { headers: { ...operator, "content-encoding": "br" } });
    expect([answer.status, answer.headers.get("accept-encoding")]).toEqual([415, "gzip, deflate"]);
  });

  test("400 for another partner's key", async () => {
    const t = testService();
    await register(t, PARTNER);
    const refused = await register(t, { ...PARTNER, id: "other" });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ faults: [{ field: "api_key" }] });
    // Its own key may be sent again.
    expect((await register(t, PARTNER)).status).toBe(200);
  });

  test("400 for a body that is no JSON object", async () => {
    const t = testService();
    for (const body of ["", "{", "[]", "null", '"x"', "\xff"]) {
      const refused = await register(t, body);
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ error: "invalid_json" });
    }
  });

  test("401 without the token, before the body is read", async () => {
    const t = testService();
    const wrong: Record<string, string>[] = [
      {},
      { authorization: "Bearer wrong" },
      { authorization: "Basic eDp5" },
    ];
    for (const headers of wrong) {
      const request = await register(t, PARTNER, { headers });
      expect(request.status).toBe(401);
      expect(request.headers.get("www-authenticate")).toBe("Bearer");
    }
    const { body, sent } = pieces(1000, 1000);
    const refused = await t.ask("/_ts/admin/partners/register", {
      method: "POST",
      body,
      duplex: "half",
    } as never);
    expect(refused.status).toBe(401);
    expect(sent()).toBe(0);
    expect((await t.ask("/_ts/admin/partners")).status).toBe(401);
    expect((await t.ask("/_ts/admin/partners/ssp_x", { method: "DELETE" })).status).toBe(401);
  });

  test("413 past 64 KiB, with and without Content-Length", async () => {
    const t = testService();
    const unread = pieces(1000, 1024);
    const told = await t.ask("/_ts/admin/partners/register", {
      method: "POST",
      headers: { ...operator, "content-length": "65537" },
      body: unread.body,
      duplex: "half",
    } as never);
    expect(told.status).toBe(413);
    expect(unread.sent()).toBe(0);
    const { body, sent } = pieces(1000, 1024);
    const streamed = await t.ask("/_ts/admin/partners/register", {
      method: "POST",
      headers: operator,
      body,
      duplex: "half",
    } as never);
    expect(streamed.status).toBe(413);
    expect(sent()).toBe(65);
    // 64 KiB to the byte is not too long.
    const exact = JSON.stringify(PARTNER).padEnd(65_536);
    expect((await register(t, exact)).status).toBe(201);
  });

  test("503 while the store is down or hangs", async () => {
    const t = testService();
    t.store.mode = "down";
    expect((await register(t, PARTNER)).status).toBe(503);
    expect((await t.ask("/_ts/admin/partners", { headers: operator })).status).toBe(503);
    const removal = await t.ask("/_ts/admin/partners/ssp_x", { method: "DELETE", headers: operator });
    expect(removal.status).toBe(503);
    t.store.mode = "sound";
    expect((await register(t, PARTNER)).status).toBe(201);
    t.store.mode = "hanging";
    const hanging = register(t, { ...PARTNER, name: "renamed" });
    await t.clock.settle(5000);
    expect((await hanging).status).toBe(503);
  });
});

describe("removal", () => {
  test("204 removes the partner; 404 for an unknown one", async () => {
    const t = testService();
    await register(t, { ...PARTNER, ...PULLING });
    expect(t.services.registry.pulling()).toHaveLength(1);
    const remove = (id: string) =>
      t.ask(`/_ts/admin/partners/${id}`, { method: "DELETE", headers: operator });
    expect((await remove("ssp_x")).status).toBe(204);
    expect(t.services.registry.pulling()).toEqual([]);
    expect((await upload(t, [])).status).toBe(401);
    expect((await remove("ssp_x")).status).toBe(404);
    expect((await remove("SSP%20X")).status).toBe(404);
  });
});

describe("partners of the configuration", () => {
  test("are listed, authenticate, and can neither be changed nor removed over the API", async () => {
    const t = testService({ config: { partners: [CONFIGURED] } });
    const listed = await t.ask("/_ts/admin/partners", { headers: operator });
    expect(await listed.json()).toMatchObject({ partners: [{ id: "ssp_x", source: "configuration" }] });
    expect((await upload(t, [])).status).toBe(200);
    const changed = await register(t, { id: "ssp_x", name: "renamed" });
    expect(changed.status).toBe(409);
    expect(await changed.json()).toMatchObject({ error: "partner_configured" });
    const removed = await t.ask("/_ts/admin/partners/ssp_x", { method: "DELETE", headers: operator });
    expect(removed.status).toBe(409);
  });

  test("hide a registered partner of the same id", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    await register(testService({ clock, store }), { ...PARTNER, name: "registered" });
    const t = testService({ clock, store, config: { partners: [CONFIGURED] } });
    await t.services.registry.ready();
    expect(t.services.registry.get("ssp_x")?.name).toBe("SSP X");
  });
});

describe("several instances", () => {
  test("see a registration, a change and a removal by the version key", async () => {
    const { clock, a, b } = twoInstances();
    await b.services.registry.ready();
    await register(a, PARTNER);
    expect(b.services.registry.get("ssp_x")).toBeUndefined();
    const visit = async () => {
      clock.advance(5000);
      await b.ask("/");
      await b.settled();
    };
    await visit();
    expect(b.services.registry.get("ssp_x")?.name).toBe("SSP X");
    await register(a, { id: "ssp_x", name: "renamed" });
    await visit();
    expect(b.services.registry.get("ssp_x")?.name).toBe("renamed");
    await a.ask("/_ts/admin/partners/ssp_x", { method: "DELETE", headers: operator });
    await visit();
    expect(b.services.registry.get("ssp_x")).toBeUndefined();
  });

  test("a rotated key is refused at once, on every instance", async () => {
    const { a, b } = twoInstances();
    await register(a, PARTNER);
    await b.services.registry.ready();
    expect((await upload(b, [])).status).toBe(200);
    const fresh = "the-new-api-key-of-ssp-x";
    await register(a, { id: "ssp_x", api_key: fresh });
    expect((await upload(a, [])).status).toBe(401);
    expect((await upload(b, [])).status).toBe(401);
    expect((await upload(a, [], fresh)).status).toBe(200);
  });

  test("a key that is kept is valid beside the new one, on every instance, until it is ended", async () => {
    const { a, b } = twoInstances();
    await register(a, PARTNER);
    const fresh = "the-new-api-key-of-ssp-x";
    const kept = await register(a, { id: "ssp_x", api_key: fresh, keep_api_key: true });
    expect(await kept.json()).toMatchObject({ has_api_key: true, has_previous_api_key: true });
    await b.services.registry.ready();
    const statuses = async () =>
      Promise.all(
        [a, b].flatMap((t) => [upload(t, []), upload(t, [], fresh)]).map(async (x) => (await x).status),
      );
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    expect(a.services.metrics.text()).toContain(
      'millrace_ec_partner_requests_total{key="previous",partner="ssp_x"} 1\n',
    );
    // A change of other fields ends no key.
    await register(a, { id: "ssp_x", name: "renamed" });
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    await register(a, { id: "ssp_x", previous_api_key_hash: null });
    // The other instance reads the record again, and does not know the new key before its next look.
    expect(await statuses()).toEqual([401, 200, 401, 200]);
  });

  test("a new key without keep_api_key ends both old ones; a third key ends the oldest", async () => {
    const t = testService();
    await register(t, PARTNER);
    const keys = [KEY, "the-second-api-key-of-x", "the-third-api-key-of-x", "the-fourth-api-key-of-x"];
    const valid = async () => {
      const answers = await Promise.all(keys.map((key) => upload(t, [], key)));
      return answers.map(({ status }) => status === 200);
    };
    await register(t, { id: "ssp_x", api_key: keys[1]!, keep_api_key: true });
    await register(t, { id: "ssp_x", api_key: keys[2]!, keep_api_key: true });
    expect(await valid()).toEqual([false, true, true, false]);
    await register(t, { id: "ssp_x", api_key: keys[3]! });
    expect(await valid()).toEqual([false, false, false, true]);
  });

  test.each([
    ["keep_api_key", { keep_api_key: true }],
    ["keep_api_key", { keep_api_key: "yes", api_key: "a-new-api-key-of-x" }],
    ["api_key", { api_key_hash: null, previous_api_key: "a-previous-key-of-x" }],
    ["previous_api_key", { id: "other", api_key: "a-key-of-another-x", previous_api_key: KEY }],
  ])("400 names %s", async (field, input) => {
    const t = testService();
    await register(t, PARTNER);
    const refused = await register(t, { id: "ssp_x", ...input });
    expect(refused.status).toBe(400);
    expect((await refused.json()).faults).toEqual([expect.objectContaining({ field })]);
    expect((await upload(t, [])).status).toBe(200);
  });

  test("a record from before there were two keys is read, and can get a second one", async () => {
    const t = testService();
    const old = { v: 1, id: "old", name: "old", apiKeyHash: t.services.sha256Hex(KEY), batchRateLimit: 60 };
    await t.store.put("partner:old", JSON.stringify(old), { metadata: { revision: "1" } });
    expect((await upload(t, [])).status).toBe(200);
    const kept = await register(t, { id: "old", api_key: "the-new-api-key-of-old", keep_api_key: true });
    expect(kept.status).toBe(200);
    expect((await upload(t, [])).status).toBe(200);
    expect((await upload(t, [], "the-new-api-key-of-old")).status).toBe(200);
  });

  test.each(["partner:p", "partners:version"])(
    "a change by another between our steps, at %s, hides neither from anybody",
    async (step) => {
      const { clock, a, b } = twoInstances();
      await Promise.all([a.services.registry.ready(), b.services.registry.ready()]);
      a.store.before = (operation, key) => {
        if (operation !== "put" || key !== step) return;
        a.store.before = () => {};
        void a.store.put("partner:q", JSON.stringify({ v: 1, id: "q", apiKeyHash: null }), {
          metadata: { revision: "1" },
        });
        void a.store.put("partners:version", "as another left it");
      };
      await register(a, { id: "p" });
      expect((await a.store.get("partners:version"))?.value).not.toBe("as another left it");
      clock.advance(5000);
      await Promise.all([a.services.registry.refresh(), b.services.registry.refresh()]);
      for (const { services } of [a, b]) {
        expect([services.registry.get("p")?.id, services.registry.get("q")?.id]).toEqual(["p", "q"]);
      }
    },
  );

  test("two updates of one record at the same time are both kept", async () => {
    const t = testService();
    await register(t, PARTNER);
    const { value, metadata } = (await t.store.get("partner:ssp_x"))!;
    t.store.before = (operation, key) => {
      if (operation !== "put" || key !== "partner:ssp_x") return;
      t.store.before = () => {};
      void t.store.put(key, JSON.stringify({ ...JSON.parse(value), name: "renamed by another" }), {
        metadata,
      });
    };
    const updated = await register(t, { id: "ssp_x", sync_rate_limit: 7 });
    expect(await updated.json()).toMatchObject({ name: "renamed by another", sync_rate_limit: 7 });
  });

  test("a listing that began before a registration does not undo it", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let lists = 0;
    const slow = {
      ...store,
      async list(prefix: string) {
        const page = await store.list(prefix);
        if (++lists === 1) await gate;
        return page;
      },
    };
    const t = testService({ clock, store: slow });
    const listing = t.services.registry.refresh();
    const registration = register(t, PARTNER);
    await clock.settle(0);
    release();
    await Promise.all([listing, registration]);
    expect(t.services.registry.get("ssp_x")).toBeDefined();
  });

  test("no change is lost when two instances register at the same time", async () => {
    const { clock, a, b } = twoInstances();
    await Promise.all([a.services.registry.ready(), b.services.registry.ready()]);
    const names = Array.from({ length: 20 }, (_, index) => `p${index}`);
    await Promise.all(names.map((id, index) => register(index % 2 ? a : b, { id, name: id })));
    clock.advance(5000);
    await Promise.all([a.services.registry.refresh(), b.services.registry.refresh()]);
    for (const { services } of [a, b]) {
      expect(
        services.registry
          .all()
          .map(({ partner }) => partner.id)
          .sort(),
      ).toEqual([...names].sort());
    }
  });
});

describe("what a request costs", () => {
  test("reads the version key at most once in five seconds, in the background, and scans nothing", async () => {
    const t = testService();
    await register(t, PARTNER);
    t.clock.advance(5000);
    t.store.asked.length = 0;
    for (let visit = 0; visit < 50; visit++) await t.ask("/", { client: { ip: null } });
    await t.settled();
    expect(t.store.asked).toEqual([{ operation: "get", key: "partners:version" }]);
  });

  test("a refresh reads only the changed records", async () => {
    const { clock, a, b } = twoInstances();
    for (let index = 0; index < 100; index++) await register(a, { id: `p${index}` });
    await b.services.registry.ready();
    await register(a, { id: "p7", name: "renamed" });
    clock.advance(5000);
    b.store.asked.length = 0;
    await b.services.registry.refresh();
    expect(b.store.asked).toEqual([
      { operation: "get", key: "partners:version" },
      { operation: "list", key: "partner:" },
      { operation: "get", key: "partner:p7" },
    ]);
    expect(b.services.registry.get("p7")?.name).toBe("renamed");
  });

  test("registering many partners lists the store once", async () => {
    const t = testService();
    await t.services.registry.ready();
    t.store.asked.length = 0;
    for (let index = 0; index < 50; index++) await register(t, { id: `p${index}` });
    expect(t.store.asked.filter(({ operation }) => operation === "list")).toEqual([]);
  });

  test("the pulling partners are the same array until one of them changes", async () => {
    const t = testService();
    await register(t, { ...PARTNER, ...PULLING });
    const before = t.services.registry.pulling();
    await register(t, { id: "other" });
    expect(t.services.registry.pulling()).toBe(before);
    await register(t, { id: "ssp_x", pull_sync_ttl_seconds: 60 });
    expect(t.services.registry.pulling()).not.toBe(before);
    expect(t.services.registry.pulling()[0]?.pullSyncTtlSeconds).toBe(60);
  });
});

describe("a store that fails", () => {
  test("a failing store keeps the known partners; an unreadable record is left out", async () => {
    const { clock, a, b } = twoInstances();
    await register(a, PARTNER);
    await a.store.put("partner:odd", '{"v":2}', { metadata: { revision: "1" } });
    expect(await b.services.registry.ready()).toBe(true);
    expect(b.services.registry.all()).toHaveLength(1);
    expect(b.log.join()).toContain("cannot be read");
    b.store.mode = "down";
    clock.advance(5000);
    await b.ask("/");
    await b.settled();
    expect(b.services.registry.get("ssp_x")).toBeDefined();
  });

  test("the first read is retried", async () => {
    const t = testService();
    t.store.mode = "down";
    expect(await t.services.registry.ready()).toBe(false);
    t.store.mode = "sound";
    expect(await t.services.registry.ready()).toBe(true);
  });

  test("ready waits at most two seconds for the first read", async () => {
    const t = testService();
    t.store.mode = "hanging";
    const ready = t.services.registry.ready();
    await t.clock.settle(1999);
    const pending = Symbol();
    expect(await Promise.race([ready, Promise.resolve(pending)])).toBe(pending);
    await t.clock.settle(1);
    expect(await ready).toBe(false);
  });

  test("a refresh and a registration that a host ended with their requests block nothing after a minute", async () => {
    const t = testService();
    t.store.mode = "hanging";
    void t.services.registry.refresh();
    void t.services.registry.register({ id: "lost" });
    await t.clock.settle(60_000);
    t.store.mode = "sound";
    const next = t.services.registry.register({ id: "next" });
    const pending = Symbol();
    await t.clock.settle(0);
    expect(await Promise.race([next, Promise.resolve(pending)])).toBe(pending);
    expect(t.services.registry.isDue()).toBe(false);
    await t.clock.settle(1);
    expect(t.services.registry.isDue()).toBe(true);
    expect(await t.services.registry.ready()).toBe(true);
    expect(await t.services.registry.register({ id: "after" })).toMatchObject({ outcome: "created" });
    expect(t.services.registry.all().map(({ partner }) => partner.id)).toEqual(["after"]);
  });

  test("a store with stale reads is listed again after a minute", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const t = testService({
      clock,
      store: { ...store, traits: { ...store.traits, readAfterWrite: false } },
    });
    await t.services.registry.ready();
    t.store.asked.length = 0;
    clock.advance(59_999);
    await t.services.registry.refresh();
    expect(t.store.asked).toHaveLength(1);
    clock.advance(1);
    await t.services.registry.refresh();
    expect(t.store.asked.at(-1)?.operation).toBe("list");
  });
});
