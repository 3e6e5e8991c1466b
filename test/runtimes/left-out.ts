/**
 * The scenarios that a runtime cannot have, each with the reason; `docs/decisions/` has the smallest failing cases.
 * @module
 */
import type { Scenario } from "./target.ts";

/** Reasons, by scenario. */
export type LeftOut = Readonly<Record<string, string>>;

const METRICS = "operation: health, metrics, and a plain 404 for what is not there";

const OPERATOR =
  "nobody can call a visitor's device but the visitor's own pages, no operator and no partner's server";
const PARTNERS = `the partners of a device are those of its configuration: ${OPERATOR}`;
const SECRET = "the passphrase is the device's own, so that nobody else can tell what an address gives";
const FORWARDED = "nothing stands in front of a service worker that could forward an id in a header";
const OWN_HEADERS = "a page cannot write this header, nor a service worker read it";
const JAR = "no browser keeps such cookies";

export const leftOut: Readonly<Record<string, LeftOut>> = {
  browser: {
    "mint: a first visit with consent sets one cookie whose hash is the address's HMAC": SECRET,
    "adoption: a lost row comes back for its own address, a forged id leaves none": SECRET,
    "adoption: at most 20 an hour for one hash": SECRET,
    "mismatch: the header's id is active and replaces the cookie's": FORWARDED,
    "a malformed header hides no valid cookie, a malformed cookie no valid header": FORWARDED,
    "withdrawal with cookie and header: both ids get a tombstone": FORWARDED,
    "withdrawal and deletion with several cookies: the entries of all their ids go": JAR,
    "withdrawal: one address ends no more than 20 ids of others in an hour, and always its own": SECRET,
    "consent: Sec-GPC counts in whatever form it comes, unless it is plainly off": OWN_HEADERS,
    "duplicate ts-ec cookies: the first valid one counts": JAR,
    "bad input: cookie headers of 64 KB, thousands of pairs, odd bytes": JAR,
    "bad input: malformed consent strings count as absent and mint nothing where consent is needed": JAR,
    "proxy: the origin's own cookies survive untouched beside ours": OWN_HEADERS,
    "proxy: the body streams while it is still being written": "the scenario asks past the browser",
    "proxy: the origin sees the request without x-ts- headers, and the visitor's host where the runtime lets us name it":
      "the browser itself asks the site; there is no proxy",
    "registry: only the operator; created, updated, listed, removed; no secret is ever answered": OPERATOR,
    "registry: a faulty record is refused with field and reason, a long one unread": OPERATOR,
    "registry: a rotated key is worth nothing at once": OPERATOR,
    "pixel: writes the id and sends the browser back with everything else untouched": PARTNERS,
    "pixel: 400 for what is missing, unknown or not allowed": PARTNERS,
    "pixel: no cookie, no consent; the consent parameter counts only where the request has none": PARTNERS,
    "pixel: at most so many an hour for one partner and hash": PARTNERS,
    "pixel: a forged id leaves no row": PARTNERS,
    "batch: 200 when all are accepted, 207 with a reason for each that is not": OPERATOR,
    "batch: 400, 401, 413, 429": OPERATOR,
    "batch: two partners at once on the same thousand ids lose nothing": OPERATOR,
    "identify: what pages read, in the body and in headers": PARTNERS,
    "identify: CORS for the publisher's own pages only": OWN_HEADERS,
    "identify: x-ts-eids and x-ts-<partner> stay within their bounds, the newest kept": PARTNERS,
    "deletion: the visitor's own browser, or the operator, and nobody else": OPERATOR,
    "pull: a compressed answer is read, and one that unpacks to far too much is not": PARTNERS,
    "deletion: pixels of the same page that are in flight bring nobody back": PARTNERS,
    "deletion: what a removed partner gave is not its successor's": PARTNERS,
    "pull: a partner is asked once, as agreed, and its id lands in the graph": PARTNERS,
    "pull: partners that fail, hang, flood, redirect or lie cost the page and the others nothing": PARTNERS,
    "pull: never more often than the partner's limit for a hash allows": PARTNERS,
    "pull: an uid that is still fresh is not asked for again, one that has aged is": PARTNERS,
    "pull: nobody is asked about forged ids, and they leave no row": PARTNERS,
    "pull: an answer that comes after the withdrawal is dropped; the tombstone stands": PARTNERS,
    "operation: health, metrics, and a plain 404 for what is not there": OPERATOR,
    "operation: the log has no whole id, no key and no token": PARTNERS,
    "openapi: the service hands out the description that all its answers are held against": OPERATOR,
    "openapi: what the operator alone may read is as described": OPERATOR,
  },
  cloudflare: {
    "operation: health, metrics, and a plain 404 for what is not there":
      "Cloudflare does the listening, so that metrics are for who has the admin token",
  },
  fastly: {
    "bad input: cookie headers of 64 KB, thousands of pairs, odd bytes":
      "Viceroy takes no head over 16 KB; it answers 431 and resets the connection",
    [METRICS]: "metrics are counted in an instance, and an instance lives for one request",
  },
  wasi: {
    [METRICS]: "metrics are counted in an instance, and an instance lives for one request",
  },
};

/**
 * The scenarios that a runtime can have.
 * @throws {Error} if one that is left out does not exist.
 */
export function scenariosOn(runtime: string, scenarios: readonly Scenario[]): Scenario[] {
  const without = leftOut[runtime] ?? {};
  for (const name of Object.keys(without)) {
    if (!scenarios.some((scenario) => scenario.name === name))
      throw new Error(`there is no scenario "${name}"`);
  }
  return scenarios.filter(({ name }) => !Object.hasOwn(without, name));
}
