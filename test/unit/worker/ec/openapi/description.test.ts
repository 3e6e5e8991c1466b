import { spawnSync } from "node:child_process";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { KEEP_KEY, WIRE_NAMES } from "../../../../../runtime/ec/answers/admin.ts";
import { type PartnerInput, parsePartner } from "../../../../../runtime/ec/partners/partner.ts";
import { description } from "../../../../../worker/ec/openapi/description.ts";
import { serviceRoutes } from "../../../../../worker/ec/routes/all.ts";
import { mustBeDescribed, PAGES, schemaFault, Undescribed } from "../../../../support/openapi.ts";
import { python } from "../../../../support/programs.ts";
import { testService } from "../../../../support/service.ts";
import type { Answer } from "../../../../support/visit.ts";

/** Patterns that JavaScript, Python, Java, Go and .NET read alike: no `\\p`, no look-around, no named groups. */
const COMMON_PATTERN =
  /^(?!.*\(\?)(?:[\w /:;,.<>@&=~#%!"'`$^|()*+?-]|\\[.?+*()[\]{}|/^$-]|\\x[0-9a-f]{2}|\[\^?(?:[^\\\]]|\\(?:u[0-9a-f]{4}|x[0-9a-f]{2}|s|\\|-))+\]|\{\d+(?:,\d*)?\})*$/;

/** Every `pattern` of a document. */
function patternsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === "pattern" && typeof item === "string" ? [item] : patternsIn(item),
  );
}

describe("the description", () => {
  test("is valid OpenAPI 3.1, and every reference resolves", async () => {
    const validator = new Validator();
    const result = await validator.validate(JSON.parse(JSON.stringify(description)));
    expect(result).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
    expect(() => validator.resolveRefs()).not.toThrow();
  });

  test("is the server's answer, with unique operation ids", async () => {
    const { ask } = testService();
    const answer = await ask("/_ts/openapi.json");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(description)));
    const ids = Object.values(description.paths).flatMap((item) =>
      Object.values(item).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("has exactly the existing routes", () => {
    const routes = serviceRoutes(testService().services).routes;
    const served = routes
      .filter(({ method }) => method !== "ALL") // what goes before several routes
      .filter(({ path }) => !PAGES.includes(path))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    const described = Object.entries(description.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual([...new Set(served)].sort());
  });

  // Safe first, section 7: what tools in other languages make of the description.
  test("states the credentials of every operation", () => {
    const operations = [description.paths, description.webhooks].flatMap((paths) =>
      Object.values(paths).flatMap((item) => Object.values(item)),
    );
    const open = operations.filter(({ security }) => security.length === 0).map((each) => each.operationId);
    expect(JSON.parse(JSON.stringify(operations)).every((each: object) => "security" in each)).toBe(true);
    expect(open.sort()).toEqual([
      "auction",
      "deleteIdentityPreflight",
      "health",
      "identify",
      "identifyPreflight",
      "openapi",
      "pixelSync",
      "prebidScript",
      "ready",
      "syncPixels",
      "syncPixelsPreflight",
    ]);
  });

  test("has patterns with the same meaning in JavaScript, with and without the flag u, and in Python", () => {
    const patterns = patternsIn(JSON.parse(JSON.stringify(description)));
    expect(patterns.length).toBeGreaterThan(10);
    for (const pattern of patterns) {
      expect(() => [new RegExp(pattern), new RegExp(pattern, "u")], pattern).not.toThrow();
      expect(pattern).toMatch(COMMON_PATTERN);
    }
    expect("^\\P{Cc}$").not.toMatch(COMMON_PATTERN);
    expect("^(?<name>a)$").not.toMatch(COMMON_PATTERN);
  });

  test.skipIf(python.find() === null)("has patterns that Python takes", () => {
    const patterns = patternsIn(JSON.parse(JSON.stringify(description)));
    const script = "import json, re, sys\nfor p in json.load(sys.stdin): re.compile(p)";
    const { status, stderr } = spawnSync(python.find()!, ["-c", script], { input: JSON.stringify(patterns) });
    expect([status, String(stderr)]).toEqual([0, ""]);
  });

  test("uses every component", () => {
    const text = JSON.stringify(description);
    for (const [kind, components] of Object.entries(description.components)) {
      if (kind === "securitySchemes") continue;
      for (const name of Object.keys(components)) expect(text).toContain(`"#/components/${kind}/${name}"`);
    }
  });
});

describe("rare responses", () => {
  const elsewhere = { headers: { origin: "https://elsewhere.example" } };

  test("match the description", async () => {
    // `ask` holds every answer against the description; what is left to see is that they are the ones meant.
    const { ask, store } = testService();
    expect((await ask("/_ts/metrics")).status).toBe(401);
    expect((await ask("/_ts/api/v1/identity", { method: "OPTIONS", ...elsewhere })).status).toBe(403);
    expect((await ask("/auction", { method: "POST", body: "{}" })).status).toBe(404);
    store.mode = "down";
    const ready = await ask("/_ts/ready");
    expect([ready.status, await ready.json()]).toEqual([503, { status: "down", down: ["store"] }]);
  });

  test("a bid request that is too long is refused as described", async () => {
    const { ask } = testService({ config: { auction: { endpoint: "https://pbs.example/" } } });
    const body = `"${"x".repeat(1_048_576)}"`;
    expect((await ask("/auction", { method: "POST", body })).status).toBe(413);
  });
});

describe("a partner's record", () => {
  const properties = description.components.schemas.PartnerInput!.properties as Record<
    string,
    { minimum?: number; maximum?: number; default?: unknown; pattern?: string; maxItems?: number }
  >;
  const rules = { allowInsecure: false };
  const isTaken = (input: object) => "partner" in parsePartner({ id: "a", ...input }, rules);
  const fields = Object.entries(WIRE_NAMES) as [keyof PartnerInput, string][];

  test("has every field and its default", () => {
    expect(Object.keys(properties)).toEqual([...Object.values(WIRE_NAMES), KEEP_KEY]);
    const parsed = parsePartner({ id: "a" }, rules) as { partner: Record<string, unknown> };
    for (const [field, name] of fields) {
      if (["id", "name", "apiKey"].includes(field)) continue;
      expect(properties[name]?.default, name).toEqual(parsed.partner[field]);
    }
  });

  test.each(fields.filter(([, name]) => properties[name]?.minimum !== undefined))(
    "%s is bounded as the record is",
    (field, name) => {
      const { minimum, maximum } = properties[name] as { minimum: number; maximum: number };
      const taken = [minimum - 1, minimum, maximum, maximum + 1].map((value) => isTaken({ [field]: value }));
      expect(taken).toEqual([false, true, true, false]);
    },
  );

  test("every number has bounds", () => {
    const defaults = fields.filter(([, name]) => typeof properties[name]?.default === "number");
    expect(defaults.length).toBeGreaterThan(5);
    for (const [, name] of defaults) expect(properties[name]?.maximum, name).toBeDefined();
  });

  const hash = "0123456789abcdef".repeat(4);
  const texts: [keyof PartnerInput, string[]][] = [
    ["id", ["a", "A", "", "a".repeat(32), "a".repeat(33), "a b", "eids", "ts", "env"]],
    ["name", ["A name", "", "n".repeat(100), "n".repeat(101), "a\u0007", "  ", " a "]],
    ["apiKey", ["k".repeat(16), "k".repeat(15), "k".repeat(4096), "k".repeat(4097), `${"k".repeat(16)} `]],
    ["apiKeyHash", [hash, hash.toUpperCase(), hash.slice(1), `${hash}0`]],
    ["pullToken", ["t", "", "t".repeat(4096), "t".repeat(4097), "t t"]],
  ];
  test.each(texts)("%s is the same to both", (field, values) => {
    for (const value of values) {
      const wire = { id: "a", [WIRE_NAMES[field]]: value };
      const fits = schemaFault(wire, "/components/schemas/PartnerInput") === null;
      expect([value, fits]).toEqual([value, isTaken({ [field]: value })]);
    }
  });

  test("lists have the same bounds as the record", () => {
    for (const [field, name] of fields.filter(([, each]) => properties[each]?.maxItems !== undefined)) {
      const hosts = (count: number) => Array.from({ length: count }, (_, i) => `h${i}.example`);
      const most = properties[name]!.maxItems!;
      expect([most, most + 1].map((count) => isTaken({ [field]: hosts(count) }))).toEqual([true, false]);
    }
  });
});

describe("the check of responses", () => {
  const answer = (status: number, body: unknown, headers: Answer["headers"] = {}): Answer => ({
    status,
    headers: { "content-type": "application/json", ...headers },
    setCookies: [],
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const problem = (error: string) => ({ error, message: "what is wrong" });
  const path = "/_ts/api/v1/sync";
  const batch = { accepted: 1, rejected: 0, errors: [] };
  const noStore = { "cache-control": "no-store" };

  test("accepts described responses", () => {
    const sent = { mappings: [{ ec_id: `${"0".repeat(64)}.AAAAAA`, partner_uid: "u", timestamp: 1 }] };
    const body = JSON.stringify(sent);
    mustBeDescribed({ method: "POST", path, body }, answer(200, batch, noStore));
    mustBeDescribed(
      { method: "POST", path },
      answer(429, problem("rate_limit_exceeded"), { "retry-after": "7" }),
    );
    mustBeDescribed({ method: "HEAD", path: "/_ts/health" }, answer(200, ""));
    mustBeDescribed({ path: "/_ts/nothing" }, answer(404, problem("not_found")));
    mustBeDescribed({ path: "/page" }, answer(418, "the site's own"));
    mustBeDescribed({ method: "POST", path: "/auction" }, answer(203, "{}"));
  });

  test.each<[string, string, string, Answer, string?]>([
    ["a status", "POST", path, answer(418, problem("teapot"))],
    ["a fault of the service", "POST", path, answer(500, problem("internal_error"))],
    ["a code", "POST", path, answer(401, problem("nobody"), { "www-authenticate": "Bearer" })],
    ["a field", "POST", path, answer(200, { ...batch, surplus: 1 }, noStore)],
    ["a missing field", "POST", path, answer(200, { accepted: 1, rejected: 0 }, noStore)],
    ["a media type", "POST", path, answer(200, batch, { ...noStore, "content-type": "text/plain" })],
    ["a missing header", "POST", path, answer(429, problem("rate_limit_exceeded"))],
    ["a header", "POST", path, answer(429, problem("rate_limit_exceeded"), { "retry-after": "soon" })],
    ["a body", "GET", "/identify", answer(204, "something", noStore)],
    ["an operation", "PUT", path, answer(200, batch)],
    ["a request", "POST", path, answer(200, batch, noStore), '{"mappings":[{"ec_id":"no"}]}'],
  ])("stops at %s that is not described", (_what, method, asked, given, body) => {
    const request = body === undefined ? { method, path: asked } : { method, path: asked, body };
    expect(() => mustBeDescribed(request, given)).toThrow(Undescribed);
  });
});
