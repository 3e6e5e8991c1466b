import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type ConfigInput, parseConfig } from "../../../../worker/ec/config.ts";
import { reload } from "../../../../worker/ec/reload.ts";
import { DOMAIN, operator, PASSPHRASE, testService } from "../../../support/service.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const KEY = "the-partner's-own-key";
const partner = { id: "partner", apiKeyHash: sha256(KEY), allowedReturnDomains: ["sync.partner.example"] };
const base = { publisher: { domain: DOMAIN }, passphrases: [PASSPHRASE] };

function setUp(config: Partial<ConfigInput> = {}) {
  const t = testService({ config });
  return Object.assign(t, {
    reload: (next: Partial<ConfigInput>) =>
      reload(
        t.services,
        parseConfig({ ...base, operator: { tokenHash: t.services.config.operator.tokenHash }, ...next }),
      ),
    upload: (key: string) =>
      t.ask("/_ts/api/v1/sync", {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ mappings: [] }),
      }),
  });
}

describe("reload takes over without a restart", () => {
  test("partners that are new, changed or gone", async () => {
    const t = setUp({ partners: [partner, { id: "other" }] });
    expect((await t.upload(KEY)).status).toBe(200);
    const renewed = "another-key-of-the-partner";
    expect(t.reload({ partners: [{ ...partner, apiKeyHash: sha256(renewed) }, { id: "new" }] })).toEqual([]);
    expect((await t.upload(KEY)).status).toBe(401);
    expect((await t.upload(renewed)).status).toBe(200);
    expect(t.services.registry.all().map(({ partner: { id }, source }) => [id, source])).toEqual([
      ["partner", "configuration"],
      ["new", "configuration"],
    ]);
  });

  test("a partner that moves between the configuration and the store", async () => {
    const t = setUp();
    const { registry } = t.services;
    expect((await registry.register({ id: "partner", name: "registered" })).outcome).toBe("created");
    t.reload({ partners: [{ id: "partner", name: "configured" }] });
    expect(registry.get("partner")?.name).toBe("configured");
    expect((await registry.register({ id: "partner" })).outcome).toBe("configured");
    await registry.refresh();
    expect(registry.get("partner")?.name).toBe("configured");
    t.reload({ partners: [] });
    expect(registry.isDue()).toBe(true);
    await registry.refresh();
    expect(registry.all()).toMatchObject([{ partner: { name: "registered" }, source: "registered" }]);
  });

  test("the lists and ages of consent", async () => {
    const t = setUp();
    expect((await t.ask("/", { client: { country: "BR" } })).headers.has("x-ts-ec")).toBe(true);
    expect(t.reload({ consent: { gdprCountries: ["BR"] } })).toEqual([]);
    expect((await t.ask("/", { client: { country: "BR" } })).headers.has("x-ts-ec")).toBe(false);
    expect((await t.ask("/", { client: { country: "DE" } })).headers.has("x-ts-ec")).toBe(true);
  });

  test("the operator's token", async () => {
    const t = setUp();
    expect((await t.ask("/_ts/admin/partners", { headers: operator })).status).toBe(200);
    expect(t.reload({ operator: { tokenHash: sha256("a new token of the operator") } })).toEqual([]);
    expect((await t.ask("/_ts/admin/partners", { headers: operator })).status).toBe(401);
    const authorization = "Bearer a new token of the operator";
    expect((await t.ask("/_ts/admin/partners", { headers: { authorization } })).status).toBe(401);
    t.reload({ operator: { tokenHash: sha256("a-new-token-of-the-operator") } });
    const header = { authorization: "Bearer a-new-token-of-the-operator" };
    expect((await t.ask("/_ts/admin/partners", { headers: header })).status).toBe(200);
  });

  test("the limit on minting", async () => {
    const t = setUp();
    expect(t.reload({ mintPerAddressPerHour: 0 })).toEqual([]);
    expect((await t.ask("/")).headers.has("x-ts-ec")).toBe(false);
    t.reload({ mintPerAddressPerHour: 5 });
    expect((await t.ask("/")).headers.has("x-ts-ec")).toBe(true);
  });
});

describe("reload leaves the rest and names it", () => {
  test("nothing is named if nothing changed", () => {
    expect(setUp().reload({})).toEqual([]);
  });

  test.each<[Partial<ConfigInput>, string[]]>([
    [{ publisher: { domain: "other.example" } }, ["publisher.domain"]],
    [{ publisher: { domain: DOMAIN, origin: "http://127.0.0.1:9000" } }, ["publisher.origin"]],
    [{ passphrases: ["another-secret-of-ours", PASSPHRASE] }, ["passphrases"]],
    [{ store: "memory:" }, ["store"]],
    [{ limiter: "redis://127.0.0.1" }, ["limiter"]],
    [{ cookie: { name: "visitor" } }, ["cookie.name"]],
    [{ sync: { maxQueued: 5 } }, ["sync.maxQueued"]],
    [{ throttle: { maxKeys: 5000 } }, ["throttle.maxKeys"]],
    [{ client: { ipHeader: "x-real-ip" } }, ["client.ipHeader"]],
    [
      { auction: { endpoint: "https://auction.example/" }, readEcHeader: false },
      ["readEcHeader", "auction.endpoint"],
    ],
    [{ listen: { port: 1234 }, partners: [partner], mintPerAddressPerHour: 5 }, ["listen"]],
  ])("%j needs a restart for %j", async (next, fields) => {
    const t = setUp();
    expect(t.reload(next).sort()).toEqual(fields.sort());
    expect((await t.ask("/")).headers.getSetCookie()[0]).toContain(`Domain=.${DOMAIN};`);
  });

  test("a configuration in which two partners have one key changes nothing", () => {
    const t = setUp({ partners: [partner] });
    const twice = [partner, { id: "second", apiKey: KEY }];
    expect(() => t.reload({ partners: twice, mintPerAddressPerHour: 0 })).toThrow("apiKeyHash");
    expect(t.services.registry.get("second")).toBeUndefined();
    expect(t.services.settings.mintPerAddressPerHour).toBe(1000);
  });
});
