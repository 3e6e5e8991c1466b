/**
 * The answer of `/identify`: what a page may read of its visitor's identity.
 * @module
 */
import { EC_HEADER } from "../request/context.ts";
import { eidsHeader, eidsJson, type SharedId } from "./eids.ts";
import { jsonOf, textsOf } from "./partner-texts.ts";

/** Maximum number of partners whose ids are returned in headers of their own. */
const MAX_PARTNER_HEADERS = 20;

/**
 * Body and headers for one visitor. The body is JSON: `ec`; `consent`, which is "ok"; `degraded`: the store or the registry
 * did not answer and partners' ids may be missing; `uids`: partners' own ids by partner; `eids`: the same by source.
 */
export function identifyAnswer(
  ec: string,
  ids: readonly SharedId[],
  degraded: boolean,
): { body: string; headers: Record<string, string> } {
  // Written once for the body and the header.
  const values = ids.map(({ uid }) => jsonOf(uid));
  const uids = ids.map(({ partner }, i) => textsOf(partner).name + values[i]).join(",");
  const eids = eidsJson(ids, values);
  const headers = identityHeaders(ec, ids, eids);
  headers["x-ts-ec-consent"] = "ok";
  addPartnerHeaders(headers, ids);
  const start = JSON.stringify({ ec, consent: "ok", degraded }).slice(0, -1);
  return { body: `${start},"uids":{${uids}},"eids":${eids}}`, headers };
}

/**
 * The headers of an id and its extended ids.
 * @param eids the JSON of all ids by source, if it exists already.
 */
export function identityHeaders(ec: string, ids: readonly SharedId[], eids?: string): Record<string, string> {
  const { value, truncated } = eidsHeader(ids, eids);
  const headers: Record<string, string> = { [EC_HEADER]: ec };
  if (value !== null) headers["x-ts-eids"] = value;
  if (truncated) headers["x-ts-eids-truncated"] = "true";
  return headers;
}

/** Adds `x-ts-<partner>` for the newest ids that are visible ASCII, as a header needs. Other ids are in the body. */
function addPartnerHeaders(headers: Record<string, string>, ids: readonly SharedId[]): void {
  let sent = 0;
  for (const { partner, uid } of ids) {
    if (!/^[\x21-\x7e]+$/.test(uid)) continue;
    if (++sent > MAX_PARTNER_HEADERS) return;
    headers[textsOf(partner).field] = uid;
  }
}
