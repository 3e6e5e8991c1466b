/**
 * The identity in an OpenRTB 2.6 bid request.
 * @module
 */
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { ConsentParameters } from "../request/consent-parameters.ts";
import { networkOfIp } from "../request/ip.ts";
import { type Eid, type SharedId, toEids } from "./eids.ts";
import { mergeEids } from "./merge-eids.ts";

/** The visitor's identity in an auction. */
export interface AuctionIdentity {
  ec: string;
  ids: readonly SharedId[];
}

/** The fault of a body to which no identity can be added; `null`: it is a bid request. */
export function bidRequestFault(body: unknown): string | null {
  if (!isObject(body)) return "the body must be a JSON object, an OpenRTB 2.6 bid request";
  for (const name of ["user", "device", "regs"]) {
    const value = body[name];
    if (value !== undefined && value !== null && !isObject(value)) {
      return `${name} must be an object (OpenRTB 2.6)`;
    }
  }
  return null;
}

/**
 * The request with `user.id` and `user.eids`. The service's EIDs come first, then those of the request. Other fields of the user
 * stay.
 */
export function withIdentity(request: JsonObject, { ec, ids }: AuctionIdentity): JsonObject {
  const user = withEidsInOnePlace(isObject(request.user) ? request.user : {}, toEids(ids));
  return { ...request, user: { ...user, id: ec } };
}

/**
 * The request with what is known of consent, where the page did not say it: `regs.gdpr`, `regs.gpp` with `regs.gpp_sid`,
 * `regs.us_privacy` and `user.consent`. The places of OpenRTB 2.5, in `regs.ext` and `user.ext`, count as said.
 */
export function withConsent(request: JsonObject, known: ConsentParameters): JsonObject {
  const { gdpr, gdpr_consent: consent, gpp, gpp_sid: sections, us_privacy } = known;
  const regs = unsaid(request.regs, {
    ...(gdpr === undefined ? {} : { gdpr: Number(gdpr) }),
    ...(us_privacy === undefined ? {} : { us_privacy }),
  });
  // A list of sections belongs to its own string.
  const isGppSaid = [request.regs, extOf(request.regs)].some(
    (said) => says(said, "gpp") || says(said, "gpp_sid"),
  );
  if (gpp !== undefined && !isGppSaid) {
    regs.gpp = gpp;
    if (sections !== undefined) regs.gpp_sid = sections.split(",").map(Number);
  }
  const user = unsaid(request.user, consent === undefined ? {} : { consent });
  return {
    ...request,
    ...(Object.keys(regs).length === 0 ? {} : { regs: { ...(request.regs as JsonObject), ...regs } }),
    ...(Object.keys(user).length === 0 ? {} : { user: { ...(request.user as JsonObject), ...user } }),
  };
}

/** Those fields that neither an object nor its `ext` has. */
function unsaid(said: unknown, fields: JsonObject): JsonObject {
  const ext = extOf(said);
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !says(said, name) && !says(ext, name)));
}

const extOf = (value: unknown): unknown => (isObject(value) ? value.ext : undefined);

/** Whether an object has a field with a value: an empty text says nothing. */
function says(value: unknown, name: string): boolean {
  if (!isObject(value)) return false;
  const said = value[name];
  return said !== undefined && said !== null && said !== "";
}

/**
 * The request with its EIDs in the place of OpenRTB 2.6. A server that gets both `user.eids` and `user.ext.eids`, the place of
 * OpenRTB 2.5, may read one and drop the other.
 */
export function withoutSecondPlace(request: JsonObject): JsonObject {
  return isObject(request.user) ? { ...request, user: withEidsInOnePlace(request.user, []) } : request;
}

/**
 * The request without the EIDs of some sources, in both places: of partners that may not have the visitor's id.
 * @param isRefused called with each source in lower case.
 */
export function withoutSources(request: JsonObject, isRefused: (source: string) => boolean): JsonObject {
  const isKept = (eid: unknown) =>
    !isObject(eid) || typeof eid.source !== "string" || !isRefused(eid.source.toLowerCase());
  const kept = (holder: JsonObject) =>
    Array.isArray(holder.eids) ? { ...holder, eids: holder.eids.filter(isKept) } : holder;
  return withEach(request, "user", (user) => withEach(kept(user), "ext", kept));
}

/** The user with everything of `ours`, of `user.eids` and of `user.ext.eids` in `user.eids`. */
function withEidsInOnePlace(user: JsonObject, ours: readonly Eid[]): JsonObject {
  const older = isObject(user.ext) ? user.ext.eids : undefined;
  const eids = mergeEids(ours, listIn(user.eids), listIn(older));
  // A member that is no list has no EIDs. It is left to the endpoint, unless EIDs replace it.
  return {
    ...(Array.isArray(older) ? withoutExt(user, "eids") : user),
    ...(eids.length === 0 ? {} : { eids }),
  };
}

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The user without one member of its `ext`, and without an `ext` that has no other. */
function withoutExt(user: JsonObject, name: string): JsonObject {
  if (!isObject(user.ext) || !Object.hasOwn(user.ext, name)) return user;
  const { ext, ...rest } = user;
  const { [name]: _, ...others } = ext as JsonObject;
  return Object.keys(others).length === 0 ? rest : { ...rest, ext: others };
}

/** Fields of OpenRTB 2.6's User, and of its ext, that identify a visitor. */
const USER_IDS = ["id", "buyeruid", "eids", "customdata"];
const USER_EXT_IDS = ["eids", "prebid"];
/** Fields of its Device that identify the device, and of its ext. */
const DEVICE_IDS = ["ifa", "didsha1", "didmd5", "dpidsha1", "dpidmd5", "macsha1", "macmd5"];
const DEVICE_EXT_IDS = ["ifv"];

/**
 * The request without fields that identify the visitor or the device, for a visitor whose consent does not allow an id. It removes
 * ids of the page, of exchanges (`buyeruid`, `customdata`, Prebid's `ext.prebid.buyeruids`), of others (`eids`, in the places of
 * OpenRTB 2.6 and 2.5) and of the device, also in Prebid's settings of single bidders (`ext.prebid.bidderconfig`). Addresses
 * keep their network: the first 24 bits of IPv4 and 64 of IPv6. Fields that describe but do not identify (`yob`, `data`, `geo`,
 * `ua`) and the stated consent stay.
 */
export function withoutIdentity(request: JsonObject): JsonObject {
  return withEach(anonymous(request), "ext", (ext) =>
    withEach(ext, "prebid", (prebid) =>
      Array.isArray(prebid.bidderconfig)
        ? { ...prebid, bidderconfig: prebid.bidderconfig.map(anonymousConfig) }
        : prebid,
    ),
  );
}

/** One bidder's part of the request: Prebid Server merges `config.ortb2` into the request for that bidder. */
function anonymousConfig(entry: unknown): unknown {
  if (!isObject(entry)) return entry;
  return withEach(entry, "config", (config) => withEach(config, "ortb2", anonymous));
}

function anonymous(request: JsonObject): JsonObject {
  const withoutUser = withEach(request, "user", (user) =>
    withEach(without(user, USER_IDS), "ext", (ext) => without(ext, USER_EXT_IDS)),
  );
  return withEach(withoutUser, "device", (device) => {
    const { ip, ipv6, ...rest } = without(device, DEVICE_IDS);
    return withEach({ ...rest, ...networkOf("ip", ip), ...networkOf("ipv6", ipv6) }, "ext", (ext) =>
      without(ext, DEVICE_EXT_IDS),
    );
  });
}

/** A copy of an object with one of its objects changed. */
function withEach(holder: JsonObject, name: string, change: (value: JsonObject) => JsonObject): JsonObject {
  const value = holder[name];
  return isObject(value) ? { ...holder, [name]: change(value) } : holder;
}

function without(holder: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(holder).filter(([name]) => !names.includes(name)));
}

/** The network of an address under the same name; nothing if the value is no address. */
function networkOf(name: string, address: unknown): JsonObject {
  const network = typeof address === "string" ? networkOfIp(address) : null;
  if (network === null) return {};
  return { [name]: name === "ipv6" && network.includes(".") ? `::ffff:${network}` : network };
}
