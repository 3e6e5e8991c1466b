/**
 * What a page may read of its visitor's identity.
 * @module
 */
import { EC_HEADER } from "./context.ts";
import { type Eid, eidsHeader, type SharedId, toEids } from "./eids.ts";

/** How many partners' ids are answered in headers of their own. */
const MAX_PARTNER_HEADERS = 20;

/** The body of an answer with an identity. */
export interface IdentifyBody {
  ec: string;
  consent: "ok";
  /** The store or the registry did not answer: partners' ids may be missing. */
  degraded: boolean;
  /** Partners' own ids by partner. */
  uids: Record<string, string>;
  eids: Eid[];
}

/** Body and headers for one visitor. */
export function identifyAnswer(
  ec: string,
  ids: readonly SharedId[],
  degraded: boolean,
): { body: IdentifyBody; headers: Record<string, string> } {
  const uids = Object.fromEntries(ids.map(({ partner, uid }) => [partner.id, uid]));
  return {
    body: { ec, consent: "ok", degraded, uids, eids: toEids(ids) },
    headers: { ...identityHeaders(ec, ids), "x-ts-ec-consent": "ok", ...partnerHeaders(ids) },
  };
}

/** The headers that tell an id and its extended ids. */
export function identityHeaders(ec: string, ids: readonly SharedId[]): Record<string, string> {
  const { value, truncated } = eidsHeader(ids);
  return {
    [EC_HEADER]: ec,
    ...(value === null ? {} : { "x-ts-eids": value }),
    ...(truncated ? { "x-ts-eids-truncated": "true" } : {}),
  };
}

/** `x-ts-<partner>` for the newest ids that a header can carry as they are: visible ASCII. Others are in the body. */
function partnerHeaders(ids: readonly SharedId[]): Record<string, string> {
  const sendable = ids.filter(({ uid }) => /^[\x21-\x7e]+$/.test(uid)).slice(0, MAX_PARTNER_HEADERS);
  return Object.fromEntries(sendable.map(({ partner, uid }) => [`x-ts-${partner.id}`, uid]));
}
