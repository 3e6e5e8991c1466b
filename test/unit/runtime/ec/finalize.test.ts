import { describe, expect, test } from "vitest";
import {
  changedFields,
  changedResponse,
  decideFinalization,
  type Finalization,
  headerChange,
  isSharedCacheField,
  privateCacheControl,
} from "../../../../runtime/ec/finalize.ts";
import type { Consent } from "../../../../runtime/ec/request/consent.ts";
import type { EcContext } from "../../../../runtime/ec/request/context.ts";

const A = `${"a".repeat(64)}.AAAAAA`;
const C = `${"c".repeat(64)}.CCCCCC`;
const B = `${"b".repeat(64)}.BBBBBB`;

const allowed = { allowed: true, jurisdiction: "non-regulated" } as Consent;
const refused = { allowed: false, jurisdiction: "gdpr" } as Consent;
const unknown = { allowed: false, jurisdiction: "unknown" } as Consent;

function context(part: Partial<EcContext>): EcContext {
  return {
    nowMs: 0,
    client: { ip: "203.0.113.1", country: "FR", region: null },
    cookieWasPresent: false,
    cookieId: null,
    headerId: null,
    activeId: part.headerId ?? part.cookieId ?? null,
    ecGenerated: false,
    consent: allowed,
    ...part,
  };
}

describe("decideFinalization", () => {
  test.each<[string, Partial<EcContext>, ReturnType<typeof decideFinalization>]>([
    ["no id at all", {}, { branch: "anonymous" }],
    ["minted", { activeId: A, ecGenerated: true }, { branch: "new", id: A }],
    ["cookie", { cookieWasPresent: true, cookieId: A }, { branch: "returning", id: A, restoreCookie: false }],
    ["header only", { headerId: A }, { branch: "returning", id: A, restoreCookie: false }],
    [
      "header and another cookie",
      { cookieWasPresent: true, cookieId: B, headerId: A },
      { branch: "returning", id: A, restoreCookie: true },
    ],
    [
      "header and a malformed cookie",
      { cookieWasPresent: true, headerId: A },
      { branch: "returning", id: A, restoreCookie: true },
    ],
    ["refused, no cookie", { consent: refused, headerId: A }, { branch: "denied" }],
    [
      "refused, cookie",
      { consent: refused, cookieWasPresent: true, cookieId: A },
      { branch: "withdrawal", tombstones: [A] },
    ],
    [
      "refused, cookie and another header",
      { consent: refused, cookieWasPresent: true, cookieId: A, headerId: B },
      { branch: "withdrawal", tombstones: [A, B] },
    ],
    [
      "refused, cookie and the same header",
      { consent: refused, cookieWasPresent: true, cookieId: A, headerId: A },
      { branch: "withdrawal", tombstones: [A] },
    ],
    [
      "refused, malformed cookie",
      { consent: refused, cookieWasPresent: true },
      { branch: "withdrawal", tombstones: [] },
    ],
    [
      "refused, several cookies and a header",
      { consent: refused, cookieWasPresent: true, cookieId: A, otherCookieIds: [B, C], headerId: B },
      { branch: "withdrawal", tombstones: [A, B, C] },
    ],
    [
      "no geography, but an opt-out, cookie",
      { consent: { ...unknown, reason: "gpc" }, cookieWasPresent: true, cookieId: A },
      { branch: "withdrawal", tombstones: [A] },
    ],
    [
      "nothing said where only a refusal withdraws, cookie",
      {
        consent: { ...refused, reason: "no_signal", withdrawal: "explicit" },
        cookieWasPresent: true,
        cookieId: A,
      },
      { branch: "denied" },
    ],
    ["no geography, cookie", { consent: unknown, cookieWasPresent: true, cookieId: A }, { branch: "denied" }],
  ])("%s", (_name, part, expected) => {
    expect(decideFinalization(context(part), false)).toEqual(expected);
    expect(decideFinalization(context(part), true)).toEqual({ branch: "erasure" });
  });
});

const cookieOf = (domain: string) => ({ name: "ts-ec", domain, maxAgeSeconds: 31_536_000 });
const applyFinalization = (response: Response, finalization: Finalization, domain: string) =>
  changedResponse(response, headerChange(finalization, cookieOf(domain)));

describe("a response's headers", () => {
  const apply = (headers: [string, string][], branch: Finalization) =>
    applyFinalization(new Response("body", { headers }), branch, "publisher.example");

  test("a response without changes is the same object", () => {
    const response = new Response("body");
    expect(applyFinalization(response, { branch: "anonymous" }, "x.example")).toBe(response);
    expect(applyFinalization(response, { branch: "denied" }, "x.example")).toBe(response);
    const returning = { branch: "returning", id: A, restoreCookie: false } as const;
    expect(applyFinalization(response, returning, "x.example")).toBe(response);
  });

  test.each([
    [null, "private"],
    ["public, max-age=60", "private, max-age=60"],
    ["max-age=60, s-maxage=600", "private, max-age=60"],
    ["no-store", "no-store"],
    ["private", "private"],
    ['private="x-a, x-b", max-age=5', "private, max-age=5"],
    ["No-Cache", "private, No-Cache"],
  ])("cache-control %s becomes %s", (before, after) => {
    const headers: [string, string][] = before === null ? [] : [["cache-control", before]];
    expect(apply(headers, { branch: "new", id: A }).headers.get("cache-control")).toBe(after);
  });

  // Safe first, section 6: every targeted cache field (RFC 9213) of a response that sets or deletes the cookie.
  test.each([
    "CDN-Cache-Control",
    "Cloudflare-CDN-Cache-Control",
    "Vercel-CDN-Cache-Control",
    "Netlify-CDN-Cache-Control",
    "Fastly-Cache-Control",
    "X-Any-Cache-Control",
    "Surrogate-Control",
    "Edge-Control",
    "X-Accel-Expires",
  ])("%s is removed if the cookie is set or deleted, and only then", (name) => {
    const changing: Finalization[] = [
      { branch: "new", id: A },
      { branch: "returning", id: A, restoreCookie: true },
      { branch: "withdrawal", tombstones: [] },
      { branch: "erasure" },
    ];
    for (const branch of changing) {
      const { headers } = apply(
        [
          [name, "max-age=86400"],
          ["cache-control", "public, max-age=5"],
        ],
        branch,
      );
      expect(headers.get(name)).toBeNull();
      expect(headers.get("cache-control")).toBe("private, max-age=5");
    }
    for (const branch of [
      { branch: "returning", id: A, restoreCookie: false },
      { branch: "anonymous" },
      { branch: "denied" },
    ] as const) {
      expect(apply([[name, "max-age=86400"]], branch).headers.get(name)).toBe("max-age=86400");
    }
  });

  test("fields with similar names stay, and so do Expires and Pragma", () => {
    const names = ["expires", "pragma", "age", "x-cache-control-was", "surrogate-key", "cdn-loop", "vary"];
    for (const name of [...names, "cache-control"]) expect(isSharedCacheField(name)).toBe(false);
    const kept = apply(
      names.map((name) => [name, "x"]),
      { branch: "new", id: A },
    ).headers;
    for (const name of names) expect(kept.get(name)).toBe("x");
  });

  test.each([
    ["s-maxage=5", "private"],
    ["PUBLIC, S-MaxAge=5, stale-while-revalidate=9", "private, stale-while-revalidate=9"],
    ["public, public", "private"],
    ['x="public, s-maxage=1", max-age=1', 'private, x="public, s-maxage=1", max-age=1'],
    [" , ,", "private"],
    ["max-age=1, no-store, public", "max-age=1, no-store, public"],
  ])("privateCacheControl(%j) is %j", (before, after) => {
    expect(privateCacheControl(before)).toBe(after);
  });

  test("the handler's own cookies survive", () => {
    const { headers } = apply(
      [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ],
      { branch: "withdrawal", tombstones: [] },
    );
    expect(headers.getSetCookie()).toEqual([
      "a=1",
      "b=2",
      "ts-ec=; Domain=.publisher.example; Path=/; Secure; SameSite=Lax; Max-Age=0",
    ]);
  });

  test("status, status text and a body that still streams are kept", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const response = applyFinalization(
      new Response(readable, { status: 418, statusText: "Teapot" }),
      { branch: "new", id: A },
      "publisher.example",
    );
    expect([response.status, response.statusText]).toEqual([418, "Teapot"]);
    const writer = writable.getWriter();
    const reader = response.body!.getReader();
    void writer.write(new Uint8Array([1]));
    expect((await reader.read()).value).toEqual(new Uint8Array([1]));
    void writer.close();
    expect((await reader.read()).done).toBe(true);
  });
});

describe("a list of fields changes as a response's headers do", () => {
  const id = `${"ab".repeat(32)}.Abc123`;
  const finalizations: Finalization[] = [
    { branch: "anonymous" },
    { branch: "denied" },
    { branch: "withdrawal", tombstones: [] },
    { branch: "erasure" },
    { branch: "returning", id, restoreCookie: false },
    { branch: "returning", id, restoreCookie: true },
    { branch: "new", id },
  ];
  const lists: string[][] = [
    ["Content-Type", "text/html"],
    [
      "Cloudflare-CDN-Cache-Control",
      "max-age=9",
      "X-Accel-Expires",
      "9",
      "Edge-Control",
      "x",
      "Expires",
      "0",
    ],
    ["Cache-Control", "public", "cache-control", "s-maxage=5, max-age=60", "Surrogate-Control", "max-age=9"],
    [
      "Set-Cookie",
      "a=1",
      "set-cookie",
      "b=2",
      "X-TS-EC",
      "forged",
      "x-ts-version",
      "7",
      "CDN-Cache-Control",
      "x",
    ],
  ];

  test.each(finalizations)("$branch", (finalization) => {
    const change = headerChange(finalization, cookieOf("publisher.example"));
    for (const list of lists) {
      const pairs = list.flatMap((name, i) =>
        i % 2 === 0 ? [[name, list[i + 1]!] as [string, string]] : [],
      );
      const response = changedResponse(new Response(null, { headers: pairs }), change);
      const fields = changedFields(list, change);
      const changed = new Headers(
        fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]!] as [string, string]] : [])),
      );
      expect([...changed]).toEqual([...response.headers]);
    }
  });
});
