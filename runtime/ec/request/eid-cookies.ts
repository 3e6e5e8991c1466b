/**
 * The cookies in which a page leaves the extended ids (EIDs) that its Prebid.js found: `ts-eids`, which `/_ts/prebid.js` writes, and
 * `sharedId` of Prebid's SharedID module.
 * @module
 */
import { isObject, parseJson } from "../../lib/json.ts";

/** The names of the cookies. */
export const EID_COOKIES = ["ts-eids", "sharedId"] as const;
const [EIDS, SHARED_ID] = EID_COOKIES;

/** Maximum length of a cookie that is read, in characters: browsers keep 4096 bytes for name and value. */
const MAX_LENGTH = 4096;

/** The sources of a `sharedId`: the one that Prebid.js names, and that of trusted-server. */
const SHARED_ID_SOURCES = ["pubcid.org", "sharedid.org"];

/** The cookies of one request, as they came; `null`: absent. */
export interface EidCookies {
  readonly eids: string | null;
  readonly sharedId: string | null;
}

/** An id that a page's Prebid.js found. */
export interface PageId {
  /** Domain of the provider (OpenRTB 2.6, `EID.source`), in lower case. */
  readonly source: string;
  readonly uid: string;
}

/**
 * The cookies of a request; `null`: it has neither. Nothing is decoded.
 * @param cookies as `readCookies` returns them for {@link EID_COOKIES}.
 */
export function eidCookiesOf(cookies: ReadonlyMap<string, readonly string[]>): EidCookies | null {
  const eids = cookies.get(EIDS)?.[0] ?? null;
  const sharedId = cookies.get(SHARED_ID)?.[0] ?? null;
  return eids === null && sharedId === null ? null : { eids, sharedId };
}

/**
 * The ids in the cookies, in order of appearance: those of `ts-eids`, then that of `sharedId` for each of its sources. A cookie that
 * is too long or cannot be read has none. The ids are not checked.
 */
export function readEidCookies({ eids, sharedId }: EidCookies): PageId[] {
  const ids = eids === null ? [] : readEids(eids);
  if (sharedId !== null && sharedId.length <= MAX_LENGTH) {
    const uid = percentDecoded(sharedId);
    if (uid !== null) for (const source of SHARED_ID_SOURCES) ids.push({ source, uid });
  }
  return ids;
}

/** The ids of a `ts-eids`: base64 of a list of EIDs, or of the older flat entries `{source, id, atype}`. */
function readEids(cookie: string): PageId[] {
  if (cookie.length > MAX_LENGTH) return [];
  const list = decoded(cookie);
  if (!Array.isArray(list)) return [];
  const ids: PageId[] = [];
  for (const eid of list) {
    if (!isObject(eid) || typeof eid.source !== "string") continue;
    const source = eid.source.toLowerCase();
    for (const uid of Array.isArray(eid.uids) ? eid.uids : [eid]) {
      if (isObject(uid) && typeof uid.id === "string") ids.push({ source, uid: uid.id });
    }
  }
  return ids;
}

/** The JSON value of a base64 text in UTF-8, also of the alphabet for URLs; `null`: it has none. */
function decoded(cookie: string): unknown {
  const text = percentDecoded(cookie);
  if (text === null) return null;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), "the cookie");
  } catch {
    return null;
  }
}

function percentDecoded(text: string): string | null {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
