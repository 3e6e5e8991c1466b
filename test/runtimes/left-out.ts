/**
 * The scenarios that cannot run on a runtime, each with the reason; `docs/decisions/` has the smallest failing cases.
 * @module
 */
import type { Scenario } from "./target.ts";

/** Reasons, by scenario. */
export type LeftOut = Readonly<Record<string, string>>;

const METRICS = "operation: answers health, metrics, and 404 for unknown paths";

const OPERATOR =
  "only the visitor's own pages can call a visitor's device, not an operator or a partner's server";
const PARTNERS = `the partners of a device are those of its configuration: ${OPERATOR}`;
const SECRET = "each device has its own passphrase, so a test cannot compute the hash of an address";
const FORWARDED = "no proxy in front of a service worker can forward an id in a header";
const OWN_HEADERS = "a page cannot write this header, and a service worker cannot read it";
const NO_PROXY = "the browser itself requests the site; there is no proxy";
const JAR = "browsers do not keep these cookies";

export const leftOut: Readonly<Record<string, LeftOut>> = {
  browser: {
    "mint: a first visit with consent sets one cookie with the HMAC of the address": SECRET,
    "adoption: restores a lost entry for its own address, and stores no forged id": SECRET,
    "adoption: restores at most 20 entries an hour for one hash": SECRET,
    "mismatch: the id of the header replaces that of the cookie": FORWARDED,
    "mismatch: ignores a malformed header or cookie beside a valid one": FORWARDED,
    "withdrawal: writes a tombstone for the ids of cookie and header": FORWARDED,
    "withdrawal: removes the entries of all ids in several cookies, and so does a deletion": JAR,
    "withdrawal: one address can end 20 ids of other addresses an hour, and always its own": SECRET,
    "consent: any value of Sec-GPC except 0 is an opt-out": OWN_HEADERS,
    "duplicate ts-ec cookies: uses the first valid one": JAR,
    "bad input: accepts cookie headers of 64 KB, with thousands of pairs and unusual bytes": JAR,
    "bad input: treats malformed consent strings as absent": JAR,
    "proxy: keeps the origin's cookies unchanged": OWN_HEADERS,
    "proxy: streams a body": "the scenario makes a request without the browser",
    "proxy: removes x-ts- headers and sends the visitor's host where the runtime allows it": NO_PROXY,
    "proxy: gives the origin the request's ids, with a parent-id of its own": NO_PROXY,
    "registry: lets only the operator create, update, list and remove partners, and returns no secret":
      OPERATOR,
    "registry: rejects an invalid record with field and reason, and a long one unread": OPERATOR,
    "registry: rejects a rotated key at once, unless it is kept beside the new one": OPERATOR,
    "pixel: stores the id and redirects to the unchanged return URL": PARTNERS,
    "pixel: answers 400 to missing, unknown and forbidden parameters": PARTNERS,
    "pixel: reports a missing cookie and missing consent, and uses its consent parameter only without other signals":
      PARTNERS,
    "pixel: limits the syncs an hour of one partner and hash": PARTNERS,
    "pixel: stores no forged id": PARTNERS,
    "batch: answers 200, or 207 with a reason for each rejected mapping": OPERATOR,
    "batch: a partner reads and deletes its own mapping, and knows its limit": OPERATOR,
    "batch: answers 400, 401, 413 and 429": OPERATOR,
    "batch: two concurrent partners lose no mapping of the same thousand ids": OPERATOR,
    "identify: returns the identity in the body and in headers": PARTNERS,
    "identify: allows CORS for the publisher's own pages only": OWN_HEADERS,
    "identify: limits x-ts-eids and x-ts-<partner>, and keeps the newest ids": PARTNERS,
    "deletion: accepts the visitor's own browser and the operator only": OPERATOR,
    "pull: reads a compressed answer, and rejects a decompression bomb": PARTNERS,
    "deletion: pixels in flight do not restore the id": PARTNERS,
    "deletion: a new partner does not get the ids of a removed one with its name": PARTNERS,
    "pull: requests a partner once, as documented, and stores its id": PARTNERS,
    "pull: faulty partners affect neither pages nor other partners": PARTNERS,
    "pull: keeps the partner's limit for a hash": PARTNERS,
    "pull: requests an old uid again, and not a fresh one": PARTNERS,
    "pull: requests and stores no forged id": PARTNERS,
    "pull: drops an answer that arrives after the withdrawal": PARTNERS,
    "prebid: lists the pixels of partners that may have the id and lack theirs": PARTNERS,
    "prebid: stores the ids of a page's cookies under the partners of their sources": PARTNERS,
    "operation: answers health, metrics, and 404 for unknown paths": OPERATOR,
    "operation: logs no whole id, no key and no token": PARTNERS,
    "openapi: serves the description that these tests compare all answers with": OPERATOR,
    "openapi: answers to the operator match the description": OPERATOR,
  },
  cloudflare: {
    "operation: answers health, metrics, and 404 for unknown paths":
      "metrics need the operator's token on Cloudflare",
  },
  fastly: {
    "bad input: accepts cookie headers of 64 KB, with thousands of pairs and unusual bytes":
      "Viceroy accepts no request head over 16 KB; it answers 431 and resets the connection",
    [METRICS]: "metrics are counted in an instance, and an instance lives for one request",
  },
  wasi: {
    [METRICS]: "metrics are counted in an instance, and an instance lives for one request",
  },
};

/**
 * The scenarios that can run on a runtime.
 * @throws {Error} if a scenario that is left out does not exist.
 */
export function scenariosOn(runtime: string, scenarios: readonly Scenario[]): Scenario[] {
  const without = leftOut[runtime] ?? {};
  for (const name of Object.keys(without)) {
    if (!scenarios.some((scenario) => scenario.name === name))
      throw new Error(`there is no scenario "${name}"`);
  }
  return scenarios.filter(({ name }) => !Object.hasOwn(without, name));
}
