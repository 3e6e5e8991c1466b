/**
 * The panel's lines about requests: what the service did, in plain words.
 * @module
 */

import type { Finalization } from "../../../runtime/ec/finalize.ts";
import type { PartnerInput } from "../../../runtime/ec/partners/partner.ts";
import { type PartnerReason, partnerReason } from "../../../runtime/ec/partners/partner-consent.ts";
import type { Consent, ConsentReason } from "../../../runtime/ec/request/consent.ts";
import type { EcContext } from "../../../runtime/ec/request/context.ts";

/** The kind of a request: for the site, or for a route of the service. */
export type Route = "organic" | keyof typeof SERVICE_ROUTES | "other";

const SERVICE_ROUTES = {
  pixel: "/sync",
  identify: "/identify",
  auction: "/auction",
  batch: "/_ts/api/v1/sync",
};

/** The default of `consent.maxAgeDays`. */
const MAX_AGE_DAYS = 395;

/** One line of the panel's list. */
export interface Happening {
  atMs: number;
  /** Method and path. */
  request: string;
  route: Route;
  /** A finalization's branch, or a special case of one. */
  kind: Finalization["branch"] | "again" | "spared" | "partner";
  title: string;
  text: string;
  /** The `Set-Cookie` lines about the id in the response. */
  cookies: string[];
}

/** The state of the visitor before the request. */
export interface Past {
  /** The id whose consent was withdrawn last; `null` if there is none. */
  withdrawnId: string | null;
}

/** Names of the jurisdictions. */
export const JURISDICTIONS: Record<Consent["jurisdiction"], string> = {
  gdpr: "GDPR",
  "us-state": "US state law",
  "non-regulated": "No rules on ids",
  unknown: "Unknown",
};

const REASONS: Record<ConsentReason, string> = {
  non_regulated: "No law here requires consent to an id.",
  tcf_purpose1: "The TCF string consents to Purpose 1, storing and reading information on a device.",
  gpp_not_opted_out: "The GPP string says that you did not opt out of the sale of your data.",
  us_privacy_not_opted_out: "The US Privacy string says that you did not opt out of the sale of your data.",
  tcf_no_purpose1: "The TCF string refuses Purpose 1, storing and reading information on a device.",
  gpc: "Your browser sends Global Privacy Control, which is an opt-out everywhere.",
  gpp_gpc: "The GPP string records Global Privacy Control, which is an opt-out everywhere.",
  gpp_sale_opt_out: "The GPP string opts out of the sale of your data.",
  gpp_sharing_opt_out: "The GPP string opts out of the sharing of your data.",
  gpp_targeted_ads_opt_out: "The GPP string opts out of targeted advertising.",
  us_privacy_opt_out: "The US Privacy string opts out of the sale of your data.",
  no_country: "Your country is unknown, so the rules are unknown, too.",
  tcf_expired: "The TCF string is too old to count.",
  tcf_future: "The TCF string has a date in the future and does not count.",
  tcf_no_disclosed_vendors:
    "The TCF string does not list the vendors that were disclosed and does not count.",
  no_usable_signal: "The consent signals do not decide it here.",
  no_signal: "Nothing has been said about consent yet, and here that means no.",
};

/** Why consent allows an id or not, as one sentence. */
export function reasonOf(consent: Consent): string {
  return REASONS[consent.reason];
}

/** What the codes of a refused partner mean. */
const REFUSALS: Partial<Record<PartnerReason, string>> = {
  vendor_no_consent: "Your TC string gives this vendor no consent: the paper did not ask you about it.",
  vendor_restricted: "The publisher forbids this vendor Purpose 1.",
};

/** Why a partner may not have the visitor's id although others may; `null`: it may, or no partner may. */
export function refusalOf(
  { gvlId = null }: Pick<PartnerInput, "gvlId">,
  { consent, nowMs }: Pick<EcContext, "consent" | "nowMs">,
): { code: PartnerReason; text: string } | null {
  const code = partnerReason(consent, gvlId, "deny", { nowMs, maxAgeDays: MAX_AGE_DAYS });
  const text = REFUSALS[code];
  return text === undefined ? null : { code, text };
}

/**
 * Describes one request.
 * @param response the final response
 */
export function describe(
  context: EcContext,
  end: Finalization,
  request: Request,
  response: Response,
  past: Past,
): Happening {
  const { pathname } = new URL(request.url);
  const route = routeOf(pathname);
  return {
    atMs: context.nowMs,
    request: `${request.method} ${pathname}`,
    route,
    ...(changesNothing(end, context) && isServiceRoute(route)
      ? wordsForRoute(route, response, context)
      : wordsFor(end, context, past)),
    cookies: response.headers.getSetCookie().filter((line) => line.startsWith("ts-ec=")),
  };
}

function routeOf(path: string): Route {
  for (const [route, its] of Object.entries(SERVICE_ROUTES)) if (path === its) return route as Route;
  return path.startsWith("/_ts/") ? "other" : "organic";
}

type Words = Pick<Happening, "kind" | "title" | "text">;

/** Whether a request left the id unchanged. If not, the line is about the id. */
function changesNothing({ branch }: Finalization, { cookieWasPresent }: EcContext): boolean {
  return branch === "returning" || branch === "anonymous" || (branch === "denied" && !cookieWasPresent);
}

const isServiceRoute = (route: Route): route is keyof typeof SERVICE_ROUTES => route in SERVICE_ROUTES;

/** Describes a request to a route of the service. */
function wordsForRoute(
  route: keyof typeof SERVICE_ROUTES,
  response: Response,
  { consent }: EcContext,
): Words {
  const { status, headers } = response;
  const say = (title: string, text: string): Words => ({ kind: "partner", title, text });
  switch (route) {
    case "pixel":
      return say("A partner’s pixel", PIXEL_RESULTS[pixelResult(response)] ?? refused(status));
    case "identify":
      if (status === 403) return say("A page asked who you are", `${reasonOf(consent)} It got no answer.`);
      if (status !== 200) return say("A page asked who you are", "You have no id, so the answer was empty.");
      return say("A page asked who you are", "It got your id, and the ids of partners that share theirs.");
    case "auction":
      if (status >= 400) return say("An auction", `It failed with status ${status}.`);
      if (!headers.has("x-ts-ec")) {
        return say("An auction", "The bid request was sent without your identity.");
      }
      return say("An auction", "The bid request was sent with your id and partners’ ids.");
    case "batch":
      if (status === 200) return say("A partner’s upload", "Every id in it was accepted.");
      if (status === 207)
        return say("A partner’s upload", "Some ids were refused, each with its own reason.");
      return say("A partner’s upload", refused(status));
  }
}

const refused = (status: number) => `It was refused with status ${status}, and nothing was written.`;

/** The reason in a pixel's redirect: `synced` on success, empty without a redirect. */
function pixelResult({ headers }: Response): string {
  const back = headers.get("location");
  const query = back === null ? null : new URL(back).searchParams;
  return query?.get("ts_synced") === "1" ? "synced" : (query?.get("ts_reason") ?? "");
}

const PIXEL_RESULTS: Record<string, string> = {
  synced: "Your browser brought the partner’s own id for you. It is in the graph, and the browser went back.",
  no_ec: "Your browser has no id of ours, so there is no entry for the partner’s id.",
  no_consent: "Consent does not allow an id, so nothing was written.",
  write_failed: "The graph does not know your id, so nothing was written.",
};

function wordsFor(end: Finalization, context: EcContext, past: Past): Words {
  const reason = reasonOf(context.consent);
  switch (end.branch) {
    case "new":
      if (past.withdrawnId !== null) {
        const text = `${reason} The cookie was gone, so there is a new id: the same hash, for your address is the same, and another suffix. The old id stays withdrawn.`;
        return { kind: "again", title: "Allowed again: a new id", text };
      }
      return {
        kind: "new",
        title: "A new id was minted",
        text: `${reason} The response set the cookie, and the graph has an entry.`,
      };
    case "returning":
      return {
        kind: "returning",
        title: end.restoreCookie ? "Back, and the cookie restored" : "Back, with the same id",
        text: "Consent still allows it, so nothing changes. The time of the visit is written at most once in five minutes.",
      };
    case "withdrawal": {
      const isKnown = end.tombstones.length > 0;
      const graph = isKnown
        ? "A tombstone replaces the entry for 24 hours, so that no partner can restore the id."
        : "It had no valid id, so the graph needs no tombstone.";
      return {
        kind: "withdrawal",
        title: isKnown ? "The id was withdrawn" : "A stray cookie was deleted",
        text: `${reason} The response deleted the cookie. ${graph}`,
      };
    }
    case "denied":
      if (context.cookieWasPresent) {
        const text = `${reason} This is not your choice: no id is used, but the cookie and the graph stay unchanged.`;
        return { kind: "spared", title: "No id used, cookie spared", text };
      }
      return { kind: "denied", title: "No id", text: `${reason} The page was not changed.` };
    case "erasure":
      return {
        kind: "erasure",
        title: "The id was deleted",
        text: "You asked for it: the cookie and the graph’s entry are deleted.",
      };
    case "anonymous":
      return {
        kind: "anonymous",
        title: "Nothing to do",
        text: "Consent allows an id, but this request came without one, and only the site’s own pages make one.",
      };
  }
}
