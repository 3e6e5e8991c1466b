/**
 * The cost of one request in this process, from the call of the handler to the end of its background work.
 * @module
 */
import type { EdgeCookieOptions } from "../../../worker/ec/edge-cookie.ts";
import { edgeCookie } from "../../../worker/entries/node.ts";

const silent = { debug() {}, info() {}, warn() {}, error: console.error };
const CLIENT = { "x-ip": "203.0.113.1", "x-country": "JP" };

/** A wrapped page. */
export function pageWith(options: Partial<EdgeCookieOptions>) {
  return edgeCookie({
    publisher: { domain: "publisher.example" },
    store: "memory:",
    client: { ipHeader: "x-ip", countryHeader: "x-country" },
    passphrases: ["publisher-chosen-secret"],
    log: silent,
    ...options,
  })(() => new Response("page"));
}

export type Page = ReturnType<typeof pageWith>;

let visitors = 0;

/** An unused address: the number of ids an hour of one address is limited. */
function newAddress(): string {
  const number = visitors++;
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

/** A request for the page; without a cookie it is that of a new visitor. */
export function requestWith(cookie: string): Request {
  const headers = cookie === "" ? { ...CLIENT, "x-ip": newAddress() } : { ...CLIENT, cookie };
  return new Request("https://publisher.example/", { headers });
}

/** Requests the page; its background work may be pending. */
export function visit(page: Page, cookie: string): Response | Promise<Response> {
  return page(requestWith(cookie), undefined as never);
}

/** The cookie of a new visitor. */
export async function newVisitor(page: Page): Promise<string> {
  const cookie = `ts-ec=${(await visit(page, "")).headers.get("x-ts-ec")}`;
  await quiet();
  return cookie;
}

/** Waits for the pending background work. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
