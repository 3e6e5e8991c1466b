import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { partnerToWire } from "../../../../runtime/ec/answers/admin.ts";
import { parsePartner } from "../../../../runtime/ec/partners/partner.ts";
import { buildPage } from "../../../../worker/admin/build.ts";
import { FIELD_GROUPS, listItems, numberOrText } from "../../../../worker/admin/page/partner-fields.ts";
import { readStatus, type Status } from "../../../../worker/ec/admin/status.ts";
import { ADMIN_TOKEN, operator, PASSPHRASE, testService } from "../../../support/service.ts";

const built = new URL("../../../../worker/admin/built/page.ts", import.meta.url);
const style = readFileSync(new URL("../../../../worker/admin/page/page.css", import.meta.url), "utf8");

async function page() {
  const t = testService();
  const response = await t.ask("/_ts/admin/");
  return { response, html: await response.text(), policy: response.headers.get("content-security-policy")! };
}

const between = (html: string, start: string, end: string) => html.split(start)[1]!.split(end)[0]!;
const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

describe("the page", () => {
  test("is what its sources make, so that no old one is served", () => {
    expect(readFileSync(built, "utf8")).toBe(buildPage());
  });

  test("runs its own script and style, and nothing else", async () => {
    const { html, policy } = await page();
    expect(policy.split("; ")).toEqual([
      "default-src 'none'",
      `script-src ${hashOf(between(html, '<script type="module">', "</script>"))}`,
      `style-src ${hashOf(between(html, "<style>", "</style>"))}`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).not.toMatch(/ (?:on\w+|style)="/);
    expect(
      html.match(/https?:\/\/[^'"\s]+/g)!.filter((url) => !url.startsWith("http://www.w3.org/")),
    ).toEqual([]);
  });

  test("comes without a token, is kept nowhere, and is framed by nobody", async () => {
    const { response } = await page();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=UTF-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    const bare = await testService().ask("/_ts/admin");
    expect([bare.status, bare.headers.get("location")]).toEqual([308, "/_ts/admin/"]);
  });

  test("can be read by everybody: text stands out from its ground by 4.5 to 1, by day and by night", () => {
    const blocks = [...style.matchAll(/:root \{([^}]*)\}/g)].map(([, block]) => block!);
    expect(blocks).toHaveLength(2);
    for (const block of blocks) {
      const colours = Object.fromEntries(
        [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name!, value!]),
      );
      const pairs: [string, string][] = [
        ...["text", "muted", "accent", "good", "bad", "warm", "cool", "odd"].map((name): [string, string] => [
          name,
          "raised",
        ]),
        ["text", "ground"],
        ["muted", "ground"],
        ["text", "warning-ground"],
        ["text", "success-ground"],
        ["accent", "sunk"],
        ["cool", "sunk"],
        ["text", "sunk"],
        ["on-accent", "accent"],
        ["raised", "bad"],
      ];
      for (const [ink, ground] of pairs) {
        expect([ink, ground, contrast(colours[ink]!, colours[ground]!) >= 4.5]).toEqual([ink, ground, true]);
      }
      for (const part of ["plain", "edge"])
        expect(contrast(colours[part]!, colours.raised!)).toBeGreaterThan(3);
    }
  });
});

/** The contrast ratio of two colours, as WCAG 2 defines it. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

describe("the status", () => {
  test("is for the operator", async () => {
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

  test("tells the counters, asks nothing of the store, and holds no secret", async () => {
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
    // Every request may look whether a partner was changed; nothing else is asked.
    expect(t.store.asked.slice(before).every(({ key: asked }) => asked === "partners:version")).toBe(true);

    const status = JSON.parse(text) as Status;
    expect(status).toMatchObject({
      instance: expect.stringMatching(/^[0-9a-f]{8}$/),
      publisher: "publisher.example",
      store: "memory",
      lives_between_requests: true,
      sync: { queued: 0, domains_left_out: 0 },
      windows: { max_keys: 10_000, refused: 0 },
    });
    expect(status.now_ms - status.started_ms).toBe(5000);
    const metric = (name: string) => status.metrics.find((one) => one.name === name);
    expect(metric("ec_minted_total")?.series).toEqual([{ labels: {}, value: 1, counts: [] }]);
    expect(metric("pull_sync_total")?.series).toEqual([
      { labels: { partner: "ssp", outcome: "obtained" }, value: 1, counts: [] },
    ]);
    const puts = metric("store_seconds")!.series.find(({ labels }) => labels.operation === "put")!;
    expect(puts.counts.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(puts.counts).toHaveLength(metric("store_seconds")!.bounds.length + 1);
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

  test("names the fifty busiest domains, and counts the others", () => {
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
    const { sync } = readStatus({ ...services, inspectSync: () => ({ queued: 7, domains }) }, "x");
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

describe("the form for a partner", () => {
  const fields = FIELD_GROUPS.flatMap((group) => group.fields);

  test("has every field that the API takes but the key, with the API's own defaults", () => {
    const parsed = parsePartner({ id: "x" }, { allowInsecure: false });
    if ("faults" in parsed) throw new Error("a record of an id alone is faulty");
    const { apiKey: _, ...partner } = parsed.partner;
    const { has_api_key, has_pull_token, source, ...wire } = partnerToWire(partner, "registered");
    const initial = Object.fromEntries(fields.map(({ name, initial: value }) => [name, value]));
    expect(initial).toEqual({ ...wire, id: null, name: null, pull_token: null });
  });

  test("reads numbers and lists as they were meant, and leaves to the API what is none", () => {
    expect(["7", " 8 ", "1.5", "-1", "", "1e3", "many"].map(numberOrText)).toEqual([
      7,
      8,
      1.5,
      -1,
      "",
      "1e3",
      "many",
    ]);
    expect(listItems(" a.example,b.example\n\nc.example ")).toEqual(["a.example", "b.example", "c.example"]);
    expect(listItems("  ")).toEqual([]);
  });
});
