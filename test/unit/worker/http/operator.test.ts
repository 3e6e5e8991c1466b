import { describe, expect, test } from "vitest";
import { MAX_WRONG, WINDOW_MS, WrongTokens } from "../../../../worker/http/wrong-tokens.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { ADMIN_TOKEN, ADMIN_TOKEN_HASH, testService } from "../../../support/service.ts";

const LOOK = "the-token-of-those-who-look";
const EC_ID = `${"a".repeat(64)}.abcdef`;

function started() {
  const t = testService();
  const { sha256Hex, settings, config } = t.services;
  const operator = { tokenHash: ADMIN_TOKEN_HASH, readOnlyTokenHash: sha256Hex(LOOK) };
  settings.reload({ ...config, operator });
  const ask = (token: string, path: string, init: RequestInit = {}) =>
    t.ask(path, {
      ...init,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    });
  return { ...t, ask };
}

describe("a read-only token", () => {
  test("looks at everything", async () => {
    const { ask } = started();
    for (const path of ["/_ts/admin/status", "/_ts/admin/partners", "/_ts/metrics"]) {
      expect([path, (await ask(LOOK, path)).status]).toEqual([path, 200]);
    }
    expect((await ask(LOOK, `/_ts/admin/identity/${EC_ID}`)).status).toBe(404);
  });

  test("changes nothing: 403 read_only", async () => {
    const { ask, services } = started();
    const changes: [string, string, object | null][] = [
      ["POST", "/_ts/admin/partners/register", { id: "a" }],
      ["DELETE", "/_ts/admin/partners/a", null],
      ["DELETE", `/_ts/api/v1/identity?ec_id=${EC_ID}`, null],
    ];
    for (const [method, path, body] of changes) {
      const init = { method, ...(body === null ? {} : { body: JSON.stringify(body) }) };
      const refused = await ask(LOOK, path, init);
      expect([path, refused.status, (await refused.json()).error]).toEqual([path, 403, "read_only"]);
    }
    expect(services.registry.all()).toEqual([]);
    expect(services.metrics.text()).toContain('millrace_operator_refusals_total{reason="read_only"} 3\n');
    expect(
      (await ask(ADMIN_TOKEN, "/_ts/admin/partners/register", { method: "POST", body: '{"id":"a"}' })).status,
    ).toBe(201);
  });
});

describe("wrong tokens", () => {
  test("are counted, logged once, and after ten answered with 429 for a minute; the right one of their address is admitted", async () => {
    const t = started();
    const statusOf = async (token: string) => (await t.ask(token, "/_ts/admin/status")).status;
    for (let i = 0; i < MAX_WRONG; i++) expect(await statusOf(`guess-${i}`)).toBe(401);
    const refused = await t.ask("another-guess", "/_ts/admin/status");
    expect([await statusOf(ADMIN_TOKEN), await statusOf(LOOK)]).toEqual([200, 200]);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, String(WINDOW_MS / 1000)]);
    const text = t.services.metrics.text();
    expect(text).toContain(`millrace_operator_refusals_total{reason="wrong"} ${MAX_WRONG}\n`);
    expect(text).toContain('millrace_operator_refusals_total{reason="throttled"} 1\n');
    expect(t.log.filter((line) => line.includes("operator token"))).toHaveLength(1);
    expect(t.log.join()).not.toContain("guess-");
    t.clock.advance(WINDOW_MS);
    expect(await statusOf("a-guess-of-the-next-minute")).toBe(401);
  });

  test("of many addresses need bounded memory: those without room share a count", () => {
    const clock = manualClock();
    const wrong = new WrongTokens(() => clock.now());
    for (let i = 0; i < 1000; i++) wrong.add(`address ${i}`);
    for (let i = 0; i < MAX_WRONG; i++) wrong.add(`further ${i}`);
    expect(wrong.waitMs("another")).toBe(WINDOW_MS);
    expect(wrong.waitMs("address 1")).toBe(0);
    clock.advance(WINDOW_MS);
    wrong.add("another");
    expect(wrong.waitMs("another")).toBe(0);
    expect(wrong.waitMs("address 1")).toBe(0);
  });
});
