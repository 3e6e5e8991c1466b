// Safe first, section 4: preflights, HEAD, OPTIONS, fonts, prefetches and manifests each got an id, a row and a call of every partner.
import { expect, test } from "vitest";
import { isPageVisit } from "../../../../../runtime/ec/request/page-visit.ts";
import { testService } from "../../../../support/service.ts";

const navigation = { "sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-fetch-site": "none" };
const HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const visits: [string, string, Record<string, string>][] = [
  ["a navigation", "GET", { ...navigation, accept: HTML }],
  ["a navigation from another site", "GET", { ...navigation, "sec-fetch-site": "cross-site" }],
  [
    "a form of the site's own",
    "POST",
    { ...navigation, "sec-fetch-site": "same-origin", origin: "https://a.example" },
  ],
  ["a browser without Fetch Metadata", "GET", { accept: HTML }],
  ["its form", "POST", { accept: HTML }],
  ["a program that accepts anything", "GET", { accept: "*/*" }],
  ["a program that accepts anything, weighted", "GET", { accept: " */*;q=0.8 " }],
  ["a program that says nothing", "GET", {}],
  ["XHTML alone", "GET", { accept: "application/xhtml+xml" }],
  ["HTML in other letters", "GET", { accept: "TEXT/HTML; charset=utf-8" }],
  ["Node's fetch", "GET", { "sec-fetch-mode": "cors", accept: "*/*", "accept-language": "*" }],
  ["a browser that sends the mode alone", "GET", { "sec-fetch-mode": "navigate", accept: "*/*" }],
];

const others: [string, string, Record<string, string>][] = [
  ["HEAD", "HEAD", { ...navigation, accept: HTML }],
  ["HEAD of a program", "HEAD", {}],
  ["OPTIONS", "OPTIONS", { accept: "*/*" }],
  ["a preflight", "OPTIONS", { origin: "https://a.example", "access-control-request-method": "GET" }],
  ["PUT", "PUT", { accept: HTML }],
  ["DELETE", "DELETE", {}],
  ["a program's POST", "POST", { accept: "*/*" }],
  ["a POST that says nothing", "POST", {}],
  ["another site's form", "POST", { ...navigation, "sec-fetch-site": "cross-site" }],
  [
    "another site's form, of a browser without Fetch Metadata",
    "POST",
    { accept: HTML, origin: "https://b.example" },
  ],
  ["a prefetch", "GET", { ...navigation, "sec-purpose": "prefetch" }],
  ["a prerendering", "GET", { ...navigation, "sec-purpose": "prefetch;prerender" }],
  ["an anonymous prefetch", "GET", { ...navigation, "sec-purpose": "prefetch;anonymous-client-ip" }],
  ["an older browser's prefetch", "GET", { accept: HTML, purpose: "prefetch" }],
  ["Firefox's older prefetch", "GET", { accept: "*/*", "x-moz": "prefetch" }],
  ...[
    "audio audioworklet embed empty fencedframe font frame iframe image manifest object paintworklet report script",
  ]
    .concat(["serviceworker sharedworker style track video webidentity websocket worker xslt json"])
    .flatMap((names) => names.split(" "))
    .map((dest): [string, string, Record<string, string>] => [
      `a request for: ${dest}`,
      "GET",
      { "sec-fetch-dest": dest, "sec-fetch-mode": "no-cors", accept: HTML },
    ]),
  ["a frame's navigation", "GET", { ...navigation, "sec-fetch-dest": "iframe" }],
  ["fetch() for a page", "GET", { "sec-fetch-dest": "empty", "sec-fetch-mode": "cors", accept: "text/html" }],
  ["a document that is not navigated to", "GET", { ...navigation, "sec-fetch-mode": "cors" }],
  ["the mode alone", "GET", { "sec-fetch-mode": "no-cors", accept: "*/*" }],
  ["a font, of a browser without Fetch Metadata", "GET", { accept: "*/*", origin: "https://a.example" }],
  ["an image", "GET", { accept: "image/avif,image/webp,*/*;q=0.8" }],
  ["a style sheet", "GET", { accept: "text/css,*/*;q=0.1" }],
  ["data", "GET", { accept: "application/json" }],
];

test.each(visits)("a visit: %s", (_, method, headers) => {
  expect(isPageVisit({ method, headers: new Headers(headers) })).toBe(true);
});

test.each(others)("no visit: %s", (_, method, headers) => {
  expect(isPageVisit({ method, headers: new Headers(headers) })).toBe(false);
});

const partners = [
  {
    id: "puller",
    pullSyncEnabled: true,
    pullSyncUrl: "https://puller.example/pull",
    pullSyncAllowedDomains: ["puller.example"],
    pullToken: "token",
  },
];

test("a request that is no page visit gets the page, but no id, no row and no call", async () => {
  const t = testService({ config: { partners }, fetch: async () => new Response('{"uid":"u"}') });
  for (const [name, method, headers] of others) {
    const answer = await t.ask("/", { method, headers });
    expect([answer.status, answer.headers.getSetCookie()], name).toEqual([200, []]);
  }
  await t.settled();
  expect(t.store.asked.filter(({ key }) => key.startsWith("ec:"))).toEqual([]);
  expect(t.calls).toEqual([]);
  for (const [name, method, headers] of visits) {
    const answer = await t.ask("/", { method, headers });
    expect(answer.headers.getSetCookie(), name).toHaveLength(1);
  }
});

test("an id that a request has counts as seen on every kind of request", async () => {
  const t = testService();
  const id = (await t.ask("/")).headers.get("x-ts-ec")!;
  t.clock.advance(400_000);
  await t.ask("/font.woff2", {
    headers: { "sec-fetch-dest": "font", "sec-fetch-mode": "cors" },
    cookies: { "ts-ec": id },
  });
  await t.settled();
  expect((await t.entry(id))!.lastSeen).toBe(Math.floor(t.clock.now() / 1000));
});
