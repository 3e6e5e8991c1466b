/**
 * The servers for measurements over HTTP, all in one process so that only the handlers differ: a bare handler and the
 * same one wrapped, with either store and with partners that hang; `/identify`, and a handler that returns its bytes.
 * Argument: the runtime. Prints one line of JSON; ends on SIGTERM.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { EdgeCookieHandler, EdgeCookieOptions } from "../../../worker/ec/edge-cookie.ts";
import { createEdgeCookie } from "../../../worker/ec/edge-cookie.ts";
import { loadAllRoutes } from "../../../worker/ec/routes/load.ts";
import type { FetchHandler } from "../../../worker/hosts/host.ts";
import type { Entry } from "../../../worker/hosts/server.ts";

/** The URL of each server, and the headers of a returning visitor. */
export interface Served {
  pid: number;
  servers: Record<string, { url: string; headers: Record<string, string> }>;
}

const [runtime] = process.argv.slice(2);
const { serve, host } = (await import(`../../../worker/entries/${runtime}.ts`)) as Entry;
const silent = { debug() {}, info() {}, warn() {}, error: console.error };
const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
const visitor = { "x-ip": "203.0.113.1", "x-country": "JP" };

const html = "<!doctype html><p>hello</p>".repeat(40);
const page = () => new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });

const partnersOf = (count: number, pulls: boolean) =>
  Array.from({ length: count }, (_, i) => ({
    id: `partner-${i}`,
    bidstreamEnabled: true,
    sourceDomain: `partner-${i}.example`,
    ...(pulls && {
      pullSyncEnabled: true,
      pullSyncUrl: `https://partner-${i}.example/pull`,
      pullSyncAllowedDomains: [`partner-${i}.example`],
      pullToken: "token",
    }),
  }));

const wrapped = (options: Partial<EdgeCookieOptions>): EdgeCookieHandler<unknown[]> =>
  createEdgeCookie(
    host,
    loadAllRoutes,
  )({
    publisher: { domain: "publisher.example" },
    client: { ipHeader: "x-ip", countryHeader: "x-country" },
    passphrases: ["publisher-chosen-secret"],
    log: silent,
    ...options,
  })(page);

const servers: Served["servers"] = {};

async function listen(name: string, handler: FetchHandler, headers: Record<string, string>, path = "/") {
  const { url } = await serve([{ handler }], { host: "127.0.0.1", port: 0 }, silent);
  servers[name] = { url: url + path, headers };
  return url;
}

/** Serves a wrapped page to a visitor with an id. @returns the id. */
async function listenFor(name: string, handler: EdgeCookieHandler<unknown[]>): Promise<string> {
  const url = await listen(name, handler, visitor);
  const id = (await fetch(url, { headers: visitor })).headers.get("x-ts-ec")!;
  servers[name]!.headers = { ...visitor, cookie: `theme=dark; ts-ec=${id}` };
  return id;
}

await listen("bare", page, { ...visitor, cookie: `theme=dark; ts-ec=${"0".repeat(64)}.Abc123` });
// The cost of the host's headers that each request needs, and nothing else.
const READ = ["cookie", "x-ts-ec", "sec-gpc", "x-ip", "x-country"];
await listen(
  "bare, reading five headers",
  (request) => {
    const isOdd = READ.some((name) => request.headers.get(name) === "");
    return isOdd ? new Response(null, { status: 400 }) : page();
  },
  servers.bare!.headers,
);
await listenFor("memory", wrapped({ store: "memory:" }));
await listenFor("SQLite", wrapped({ store: `sqlite:${join(folder, "organic.db")}` }));
await listenFor(
  "10 hanging partners",
  wrapped({ store: "memory:", partners: partnersOf(10, true), fetch: () => new Promise(() => {}) }),
);

const identifying = wrapped({
  store: `sqlite:${join(folder, "identify.db")}`,
  partners: partnersOf(20, false),
});
const id = await listenFor("identify", identifying);
const upserts = partnersOf(20, false).map((partner, i) => ({
  partner: partner.id,
  uid: `uid-of-the-visitor-${i}`,
  synced: 1_790_000_000 + i,
}));
await identifying.service().services.graph.upsertKnown(id, upserts);
const { url, headers } = servers.identify!;
servers.identify = { url: `${url}identify`, headers };
const answer = await fetch(servers.identify.url, { headers });
const known = await answer.text();
if (JSON.parse(known).eids.length !== 20) throw new Error(`expected 20 ids: ${known}`);
// All but those that the server writes. An object, as the service gives it: a list of pairs would become `Headers` first.
const fields = Object.fromEntries(
  [...answer.headers].filter(([name]) => !/^(date|content-length|connection|keep-alive)$/.test(name)),
);
await listen("the same bytes", () => new Response(known, { headers: fields }), headers, "/identify");

console.log(JSON.stringify({ pid: process.pid, servers } satisfies Served));
process.on("SIGTERM", () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
